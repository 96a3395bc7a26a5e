import { argumentError, describeValue } from "../listen/argument-error.ts";
import { FASTCGI_OPTIONS, type FastCGIServerOptions } from "./options.ts";

/** Options of `http.createServer()`, up to Node.js 26. */
const HTTP_OPTIONS = [
  "IncomingMessage",
  "ServerResponse",
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
  "rejectNonStandardBodyWrites",
  "requestTimeout",
  "requireHostHeader",
  "shouldUpgradeCallback",
  "uniqueHeaders",
];
/** Options of `net.Server.listen()`, up to Node.js 26. */
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
 * Checks the names of options of a FastCGI server.
 *
 * @throws TypeError with `ERR_INVALID_ARG_VALUE` if one is unknown; the message names the most similar option
 */
export function checkServerOptions(options: object): void {
  check(options, SERVER, "is for listen()");
}

/** Checks the names of options of a FastCGI server and of listening. Throws as {@link checkServerOptions}. */
export function checkFastCGITarget(options: object): void {
  check(options, FASTCGI_TARGET, "");
}

/** Checks the names of options of an HTTP server and of listening. Throws as {@link checkServerOptions}. */
export function checkHTTPTarget(options: object): void {
  check(options, HTTP_TARGET, "has no effect over plain HTTP");
}

/**
 * Checks the options of `createServer()`. Unknown names are allowed, as in node:http, because frameworks pass options
 * of their own, unless they are similar to an option of ours.
 *
 * @throws TypeError with `ERR_INVALID_ARG_VALUE` if a name is misspelt, or with `ERR_INVALID_ARG_TYPE` if `mount`,
 *   `roles` or one of its members has the wrong type
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

/** Returns the option whose name differs in case, or in at most two letters (one letter, if the name is short). */
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

/** Counts letters that are added, missing, different or swapped (the optimal string alignment distance). */
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
