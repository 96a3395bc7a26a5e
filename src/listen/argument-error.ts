import { inspect } from "node:util";

/** The codes of Node.js for wrong arguments. The code determines the class of the error. */
export type ArgumentErrorCode =
  | "ERR_INVALID_ARG_TYPE"
  | "ERR_INVALID_ARG_VALUE"
  | "ERR_MISSING_ARGS"
  | "ERR_OUT_OF_RANGE"
  | "ERR_SOCKET_BAD_PORT";

const RANGE_ERRORS: ReadonlySet<ArgumentErrorCode> = new Set(["ERR_OUT_OF_RANGE", "ERR_SOCKET_BAD_PORT"]);
/** Further property names of an object are left out of messages. */
const MAX_NAMES = 9;

/** Returns a RangeError or a TypeError with `code`, as Node.js throws for a wrong argument. */
export function argumentError(code: ArgumentErrorCode, message: string): Error {
  const error = RANGE_ERRORS.has(code) ? new RangeError(message) : new TypeError(message);
  return Object.assign(error, { code });
}

/** Describes a value in one line of a message. Of an object only the names are shown: its values may be secrets. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return value.name === "" ? "a function" : `the function ${value.name}`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY });
  }
  if (value instanceof Promise) return "a Promise: await it first";
  const type: unknown = value.constructor;
  if (typeof type === "function" && type !== Object) return `an instance of ${type.name}`;
  const names = Object.keys(value).slice(0, MAX_NAMES);
  return names.length === 0 ? "{}" : `{ ${names.join(", ")} }`;
}
