import { argumentError, describeValue } from "../listen/argument-error.ts";
import { FASTCGI_OPTIONS, type FastCGIServerOptions } from "./options.ts";

/** `http.ServerOptions`, and what they take of `net.ServerOpts`, up to Node.js 26. */
const HTTP_OPTIONS = [
  "IncomingMessage",
  "ServerResponse",
  "allowHalfOpen",
  "blockList",
  "connectionsCheckingInterval",
  "headersTimeout",
  "highWaterMark",
  "httpValidation",
  "insecureHTTPParser",
  "joinDuplicateHeaders",
  "keepAlive",
  "keepAliveInitialDelay",
  "keepAliveTimeout",
  "keepAliveTimeoutBuffer",
  "maxHeaderSize",
  "noDelay",
  "optimizeEmptyRequests",
  "pauseOnConnect",
  "rejectNonStandardBodyWrites",
  "requestTimeout",
  "requireHostHeader",
  "shouldUpgradeCallback",
  "uniqueHeaders",
];
/** `net.ListenOptions`, up to Node.js 26. */
const NET_OPTIONS = [
  "backlog",
  "exclusive",
  "fd",
  "host",
  "ipv6Only",
  "path",
  "port",
  "readableAll",
  "reusePort",
  "signal",
  "writableAll",
];
const LISTEN_OPTIONS = [...NET_OPTIONS, "fdName", "mode", "owner", "group"];

const SERVER: ReadonlySet<string> = new Set([...HTTP_OPTIONS, ...FASTCGI_OPTIONS]);
const FASTCGI_TARGET: ReadonlySet<string> = new Set([...SERVER, ...LISTEN_OPTIONS, "signals"]);
const HTTP_TARGET: ReadonlySet<string> = new Set([
  ...HTTP_OPTIONS,
  ...LISTEN_OPTIONS,
  "signals",
  "shutdownTimeout",
]);

/**
 * Refuses options that a FastCGI server does not know.
 *
 * @throws TypeError with `ERR_INVALID_ARG_VALUE`; the message names the option, and the nearest one that there is
 */
export function checkServerOptions(options: object): void {
  check(options, SERVER, "is for listen()");
}

/** The same for server and listening in one object. */
export function checkFastCGITarget(options: object): void {
  check(options, FASTCGI_TARGET, "");
}

/** The same for plain HTTP, which has neither the limits nor the roles. */
export function checkHTTPTarget(options: object): void {
  check(options, HTTP_TARGET, "has no effect over plain HTTP");
}

/**
 * Refuses what an option of `createServer()` is surely meant to be, and is not. Other options that nobody knows are
 * left alone, as node:http does it: frameworks pass on their own.
 *
 * @throws TypeError with `ERR_INVALID_ARG_VALUE` or `ERR_INVALID_ARG_TYPE`
 */
export function checkCreateOptions(options: FastCGIServerOptions): void {
  for (const name of given(options)) {
    if (FASTCGI_TARGET.has(name)) continue;
    const nearest = findNearest(name, SERVER);
    if (nearest !== undefined && name.length >= 8) throw unknown(name, nearest);
  }
  const { roles, mount } = options;
  if (mount !== undefined && typeof mount !== "string") {
    throw argumentError("ERR_INVALID_ARG_TYPE", `option mount is ${describeValue(mount)}: give a path`);
  }
  if (roles === undefined) return;
  if (typeof roles !== "object" || roles === null) {
    throw argumentError(
      "ERR_INVALID_ARG_TYPE",
      `option roles is ${describeValue(roles)}: give { authorizer, filter }`,
    );
  }
  for (const name of given(roles)) {
    if (name !== "authorizer" && name !== "filter") {
      throw argumentError(
        "ERR_INVALID_ARG_VALUE",
        `option roles has ${describeValue(name)}: there are authorizer and filter`,
      );
    }
    if (typeof roles[name] !== "function") {
      throw argumentError(
        "ERR_INVALID_ARG_TYPE",
        `option roles.${name} is ${describeValue(roles[name])}: give a function`,
      );
    }
  }
}

function check(options: object, allowed: ReadonlySet<string>, elsewhere: string): void {
  for (const name of given(options)) {
    if (allowed.has(name)) continue;
    if (FASTCGI_TARGET.has(name)) {
      throw argumentError("ERR_INVALID_ARG_VALUE", `option ${name} ${elsewhere}: leave it out`);
    }
    throw unknown(name, findNearest(name, allowed));
  }
}

function given<T extends object>(options: T): (keyof T & string)[] {
  const names = Object.keys(options) as (keyof T & string)[];
  return names.filter((name) => options[name] !== undefined);
}

function unknown(name: string, nearest: string | undefined): Error {
  const hint = nearest === undefined ? "leave it out" : `${nearest} is meant?`;
  return argumentError("ERR_INVALID_ARG_VALUE", `option ${describeValue(name)} is unknown: ${hint}`);
}

/** The option that differs by case, or by two letters at most. */
function findNearest(name: string, allowed: ReadonlySet<string>): string | undefined {
  let nearest: string | undefined;
  let least = name.length < 8 ? 2 : 3;
  for (const option of allowed) {
    const distance = editDistance(name.toLowerCase(), option.toLowerCase());
    if (distance < least) {
      nearest = option;
      least = distance;
    }
  }
  return nearest;
}

/** How many letters are too many, missing, wrong, or in the place of their neighbour. */
function editDistance(from: string, to: string): number {
  const rows: number[][] = [];
  for (let line = 0; line <= from.length; line++) {
    const row: number[] = [];
    const above = rows[line - 1];
    for (let column = 0; column <= to.length; column++) {
      if (above === undefined || column === 0) {
        row.push(line + column);
        continue;
      }
      const isSame = from[line - 1] === to[column - 1];
      row.push(Math.min(above[column]! + 1, row[column - 1]! + 1, above[column - 1]! + (isSame ? 0 : 1)));
      const isSwapped = from[line - 1] === to[column - 2] && from[line - 2] === to[column - 1];
      if (isSwapped) row[column] = Math.min(row[column]!, (rows[line - 2]?.[column - 2] ?? column) + 1);
    }
    rows.push(row);
  }
  return rows[from.length]![to.length]!;
}
