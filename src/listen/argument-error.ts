import { inspect } from "node:util";

/** Codes of Node's own that a mistake of the caller carries. The class follows from the code. */
export type ArgumentErrorCode =
  | "ERR_INVALID_ARG_TYPE"
  | "ERR_INVALID_ARG_VALUE"
  | "ERR_OUT_OF_RANGE"
  | "ERR_SOCKET_BAD_PORT";

const RANGE_ERRORS: ReadonlySet<ArgumentErrorCode> = new Set(["ERR_OUT_OF_RANGE", "ERR_SOCKET_BAD_PORT"]);

/** Makes the error of a wrong argument: a RangeError or TypeError with `code`, as Node's own are. */
export function argumentError(code: ArgumentErrorCode, message: string): Error {
  const error = RANGE_ERRORS.has(code) ? new RangeError(message) : new TypeError(message);
  return Object.assign(error, { code });
}

/** Names a value for messages, in one line. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return value.name === "" ? "a function" : `the function ${value.name}`;
  return inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY });
}
