import type { CGIRole } from "../cgi/cgi-request.ts";
import { argumentError, describeValue } from "../listen/argument-error.ts";
import { Role } from "../protocol/constants.ts";
import { checkOptions, type OptionKinds } from "./option-kinds.ts";
import type { RequestBody } from "./request-body.ts";

/** Name and value of one meta-variable. */
export type ParamPair = readonly [name: string, value: string | Uint8Array];

/**
 * Meta-variables of a request, as an object or as pairs. Strings are sent as UTF-8, bytes as they are. Pairs may
 * repeat a name.
 */
export type RequestParams = Readonly<Record<string, string>> | Iterable<ParamPair>;

/** Options of `request()` and `requestRaw()` of a {@link FastCGIClient}. */
export interface RequestOptions {
  /** Sent as FCGI_STDIN. Set CONTENT_LENGTH in the params: most programs read no further than it says. */
  body?: RequestBody | undefined;
  /** Sent as FCGI_DATA. Only with `role: "filter"`. */
  data?: RequestBody | undefined;
  /**
   * Role that the application is asked to play.
   *
   * @defaultValue "responder"
   * @see FastCGI 1.0, section 6
   */
  role?: CGIRole | undefined;
  /** Aborts the request when it fires before the response is complete. */
  signal?: AbortSignal | undefined;
  /** Whether the connection is kept open for further requests. @defaultValue `keepConn` of the client */
  keepConn?: boolean | undefined;
  /**
   * Time without progress, in ms, until the head of the response is complete; 0 for no limit.
   *
   * @defaultValue `headersTimeout` of the client
   */
  headersTimeout?: number | undefined;
  /**
   * Whether a stream passed as `body` or `data` is destroyed when the response ends before it. Otherwise it is
   * paused.
   *
   * @defaultValue true
   */
  destroyBody?: boolean | undefined;
}

const OPTIONS: OptionKinds<RequestOptions> = {
  body: "any",
  data: "any",
  role: "any",
  signal: "any",
  keepConn: "boolean",
  headersTimeout: "time",
  destroyBody: "boolean",
};

const ROLES: Readonly<Record<CGIRole, Role>> = {
  responder: Role.RESPONDER,
  authorizer: Role.AUTHORIZER,
  filter: Role.FILTER,
};

/** Methods of requests that may be sent twice (RFC 9110, 9.2.2). */
const IDEMPOTENT: ReadonlySet<unknown> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/**
 * Checks the options of a request.
 *
 * @throws TypeError or RangeError, with one of Node's codes
 */
export function checkRequestOptions(options: RequestOptions): void {
  checkOptions("request", options, OPTIONS);
  const { data, role, signal } = options;
  if (role !== undefined && !Object.hasOwn(ROLES, role)) {
    throw argumentError(
      "ERR_INVALID_ARG_VALUE",
      `option role is ${describeValue(role)}: give "responder", "authorizer" or "filter"`,
    );
  }
  if (data !== undefined && role !== "filter") {
    throw argumentError(
      "ERR_INVALID_ARG_VALUE",
      'option data is for the Filter role: give role: "filter", or leave it out',
    );
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw argumentError("ERR_INVALID_ARG_TYPE", "option signal is no AbortSignal");
  }
}

/** Returns the number of a role. */
export function roleNumber(role: CGIRole = "responder"): Role {
  return ROLES[role];
}

/**
 * Returns the meta-variables of a request as pairs.
 *
 * @throws TypeError with `ERR_INVALID_ARG_TYPE`
 */
export function readParams(params: RequestParams): readonly ParamPair[] {
  if (typeof params !== "object" || params === null || params instanceof Promise) {
    const message = "params of a FastCGI request are to be an object, or pairs of name and value";
    throw argumentError("ERR_INVALID_ARG_TYPE", message);
  }
  const pairs = isIterable(params) ? [...params] : Object.entries(params);
  pairs.forEach(checkPair);
  return pairs;
}

/** Whether the method of a request is idempotent. */
export function isIdempotent(params: readonly ParamPair[]): boolean {
  const methods = params.filter(([name]) => name === "REQUEST_METHOD");
  return methods.length > 0 && methods.every(([, method]) => IDEMPOTENT.has(method));
}

function isIterable(params: RequestParams): params is Iterable<ParamPair> {
  return Symbol.iterator in params;
}

function checkPair([name, value]: ParamPair): void {
  if (typeof name === "string" && (typeof value === "string" || value instanceof Uint8Array)) return;
  const message = `param ${String(name)} is ${describeValue(value)}: give a string or bytes`;
  throw argumentError("ERR_INVALID_ARG_TYPE", message);
}
