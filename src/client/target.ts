import type { NetConnectOpts } from "node:net";
import { LOOPBACK, readAddress, readPort } from "../listen/address.ts";
import { argumentError, describeValue } from "../listen/argument-error.ts";

/**
 * Where a FastCGI application listens: a TCP port on 127.0.0.1, as a number or a string of digits; the path of a
 * unix socket (Windows: `\\\\.\\pipe\\name`); or either as an object, `host` being 127.0.0.1 if left out.
 */
export type FastCGITarget =
  | number
  | string
  | { readonly port: number | string; readonly host?: string | undefined; readonly path?: undefined }
  | { readonly path: string; readonly port?: undefined; readonly host?: undefined };

const WHAT_TO_GIVE = "give a port, the path of a unix socket, { host, port } or { path }";

/** Names for `host` in other places. */
const HOST_NAMES = new Set(["address", "hostname"]);

/**
 * Turns a target into what `net.connect()` takes. Texts are read as those of `server.listen()` are.
 *
 * @throws TypeError or RangeError, with a code of Node's, if it is none; the message says what to give instead
 */
export function connectOptions(target: FastCGITarget): NetConnectOpts {
  if (typeof target === "number") return tcp(target, undefined);
  if (typeof target === "string") {
    const address = readAddress(target);
    return "port" in address ? tcp(address.port, address.host) : address;
  }
  if (target === undefined) {
    throw argumentError("ERR_MISSING_ARGS", `target is undefined: ${WHAT_TO_GIVE}`);
  }
  if (typeof target !== "object" || target === null || !isPlain(target)) {
    throw argumentError("ERR_INVALID_ARG_TYPE", `target is ${describeValue(target)}: ${WHAT_TO_GIVE}`);
  }
  for (const name of Object.keys(target)) {
    if (name === "port" || name === "host" || name === "path") continue;
    const hint = HOST_NAMES.has(name) ? 'the address is "host"' : WHAT_TO_GIVE;
    throw argumentError(
      "ERR_INVALID_ARG_VALUE",
      `target has ${JSON.stringify(name)}, which says nothing: ${hint}`,
    );
  }
  const { port, host, path } = target;
  if (path !== undefined) {
    if (port === undefined && host === undefined) return unix(path);
    throw argumentError("ERR_INVALID_ARG_VALUE", "target has a path and a port or host: give one of them");
  }
  if (port !== undefined) return tcp(port, host);
  const what = host === undefined ? "neither port nor path" : `the host ${describeValue(host)} and no port`;
  throw argumentError("ERR_MISSING_ARGS", `target has ${what}: ${WHAT_TO_GIVE}`);
}

/** Names a target for messages. */
export function describeTarget(target: NetConnectOpts): string {
  if ("path" in target) return target.path;
  return target.host?.includes(":") ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function tcp(port: unknown, host: unknown): NetConnectOpts {
  if (host !== undefined && (typeof host !== "string" || host === "")) {
    throw argumentError("ERR_INVALID_ARG_TYPE", `host is ${describeValue(host)}: give a name or an address`);
  }
  // Both [::1] and ::1 are usual.
  return { port: readPort(port, 1), host: host?.replace(/^\[(.*)\]$/, "$1") ?? LOOPBACK };
}

function unix(path: unknown): NetConnectOpts {
  if (typeof path !== "string") {
    throw argumentError(
      "ERR_INVALID_ARG_TYPE",
      `path is ${describeValue(path)}: give the path of a unix socket`,
    );
  }
  if (path === "")
    throw argumentError("ERR_INVALID_ARG_VALUE", "path of a FastCGI application's socket is empty");
  return { path };
}
