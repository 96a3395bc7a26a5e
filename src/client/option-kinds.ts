import { argumentError, describeValue } from "../listen/argument-error.ts";

/** Type and range of an option. `undefined` is always allowed. */
type OptionKind = "any" | "boolean" | "count" | "function" | "length" | "string" | "time";

/** The kinds of all options of a function. */
export type OptionKinds<T> = { readonly [name in keyof Required<T>]: OptionKind };

/** Longest delay of setTimeout(), which turns longer ones into 1 ms. */
const MAX_TIME = 2 ** 31 - 1;

const RANGES: Partial<Record<OptionKind, readonly [least: number, most: number, what: string]>> = {
  count: [1, Number.MAX_SAFE_INTEGER, "an integer from 1"],
  length: [0, Number.MAX_SAFE_INTEGER, "a number of bytes"],
  time: [0, MAX_TIME, `milliseconds from 0 (none) to ${MAX_TIME}`],
};

/**
 * Checks names, types and ranges of options. An unknown name is an error, because it would be ignored.
 *
 * @param whose name of the function or class, for messages
 * @throws TypeError (`ERR_INVALID_ARG_VALUE`, `ERR_INVALID_ARG_TYPE`) or RangeError (`ERR_OUT_OF_RANGE`)
 */
export function checkOptions<T extends object>(whose: string, options: T, kinds: OptionKinds<T>): void {
  if (typeof options !== "object" || options === null) {
    throw argumentError(
      "ERR_INVALID_ARG_TYPE",
      `options of ${whose} are ${describeValue(options)}, not an object`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(kinds, name)) {
      throw argumentError(
        "ERR_INVALID_ARG_VALUE",
        `${whose} has no option ${JSON.stringify(name)}: there are ${Object.keys(kinds).join(", ")}`,
      );
    }
    if (value !== undefined) checkOption(name, value, kinds[name as keyof T]);
  }
}

function checkOption(name: string, value: unknown, kind: OptionKind): void {
  if (kind === "any") return;
  const range = RANGES[kind];
  const type = range === undefined ? kind : "number";
  if (typeof value !== type) {
    throw argumentError("ERR_INVALID_ARG_TYPE", `option ${name} is ${describeValue(value)}: give a ${type}`);
  }
  if (range === undefined || typeof value !== "number") return;
  const [least, most, what] = range;
  const isInRange = value >= least && value <= most && (kind !== "count" || Number.isInteger(value));
  if (isInRange || (kind !== "time" && value === Number.POSITIVE_INFINITY)) return;
  throw argumentError("ERR_OUT_OF_RANGE", `option ${name} is ${value}: give ${what}`);
}
