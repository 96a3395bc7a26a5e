import { connections } from "./cases/connections.ts";
import { endings } from "./cases/endings.ts";
import { files } from "./cases/files.ts";
import { frameworks } from "./cases/frameworks.ts";
import { heads } from "./cases/heads.ts";
import { lateBodies } from "./cases/late-bodies.ts";
import { requestBodies } from "./cases/request-bodies.ts";
import { requestFields } from "./cases/request-fields.ts";
import { requestLine } from "./cases/request-line.ts";
import { spoofing } from "./cases/spoofing.ts";
import { streaming } from "./cases/streaming.ts";
import { writing } from "./cases/writing.ts";
import type { Case } from "./target.ts";

/** The whole suite, by theme. */
export const cases: readonly Case[] = [
  ...requestLine,
  ...requestFields,
  ...spoofing,
  ...requestBodies,
  ...lateBodies,
  ...heads,
  ...writing,
  ...streaming,
  ...endings,
  ...connections,
  ...files,
  ...frameworks,
];
