import type { Case } from "./target.ts";

/** The whole suite, by theme. */
export const cases: readonly Case[] = [];
