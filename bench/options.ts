import { parseArgs } from "node:util";

/** What the command line asks for. */
export interface Options {
  readonly quick?: boolean;
  readonly only?: string[];
  readonly rounds?: string;
  readonly ms?: string;
  readonly against?: string;
  readonly update?: boolean;
  readonly list?: boolean;
  readonly lines?: string;
}

/** Options that both programs of this folder take; each reads those that concern it. */
export const options: Options = parseArgs({
  options: {
    quick: { type: "boolean" },
    only: { type: "string", multiple: true },
    rounds: { type: "string" },
    ms: { type: "string" },
    against: { type: "string" },
    update: { type: "boolean" },
    list: { type: "boolean" },
    lines: { type: "string" },
  },
}).values;
