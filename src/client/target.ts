import type { NetConnectOpts } from "node:net";
import { argumentError, describe } from "./options.ts";

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
  if (typeof target === "string") return readText(target);
  if (target === undefined) {
    throw argumentError(`target is undefined: ${WHAT_TO_GIVE}`, "ERR_MISSING_ARGS");
  }
  if (typeof target !== "object" || target === null || !isPlain(target)) {
    throw argumentError(`target is ${describe(target)}: ${WHAT_TO_GIVE}`, "ERR_INVALID_ARG_TYPE");
  }
  for (const name of Object.keys(target)) {
    if (name === "port" || name === "host" || name === "path") continue;
    const hint = HOST_NAMES.has(name) ? 'the address is "host"' : WHAT_TO_GIVE;
    throw argumentError(`target has ${JSON.stringify(name)}, which says nothing: ${hint}`);
  }
  const { port, host, path } = target;
  if (path !== undefined) {
    if (port === undefined && host === undefined) return unix(path);
    throw argumentError("target has a path and a port or host: give one of them");
  }
  if (port !== undefined) return tcp(port, host);
  const what = host === undefined ? "neither port nor path" : `the host ${describe(host)} and no port`;
  throw argumentError(`target has ${what}: ${WHAT_TO_GIVE}`, "ERR_MISSING_ARGS");
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

function readText(target: string): NetConnectOpts {
  if (target === "") {
    throw argumentError('target is "": give a port or the path of a unix socket');
  }
  // As in node:net: PORT comes out of the environment as a string.
  if (/^\d+$/.test(target)) return tcp(target, undefined);
  const address = /^(?:\w+:\/\/|tcp:)?(\[[\da-f:.]+\]|[\w.-]*):(\d+)\/?$/i.exec(target);
  if (address !== null) {
    const host = address[1]!.replace(/^\[|\]$/g, "") || "127.0.0.1";
    throw argumentError(
      `target ${describe(target)} would be the path of a unix socket: for TCP give { host: ${describe(host)}, port: ${address[2]} }`,
    );
  }
  if (/^(unix|file):/i.test(target)) {
    const path = target.replace(/^\w+:(\/\/(?=\/))?/, "");
    throw argumentError(`target is ${describe(target)}: give the path alone, ${describe(path)}`);
  }
  return unix(target);
}

function tcp(port: unknown, host: unknown): NetConnectOpts {
  const number = typeof port === "string" && /^\d+$/.test(port) ? Number(port) : port;
  if (typeof number !== "number" || !Number.isInteger(number) || number < 1 || number > 65535) {
    const message = `port of a FastCGI application is ${describe(port)}, not an integer from 1 to 65535`;
    throw Object.assign(new RangeError(message), { code: "ERR_SOCKET_BAD_PORT" });
  }
  if (host !== undefined && (typeof host !== "string" || host === "")) {
    throw argumentError(`host is ${describe(host)}: give a name or an address`, "ERR_INVALID_ARG_TYPE");
  }
  // Both [::1] and ::1 are usual.
  return { port: number, host: host?.replace(/^\[(.*)\]$/, "$1") ?? "127.0.0.1" };
}

function unix(path: unknown): NetConnectOpts {
  if (typeof path !== "string") {
    throw argumentError(`path is ${describe(path)}: give the path of a unix socket`, "ERR_INVALID_ARG_TYPE");
  }
  if (path === "") throw argumentError("path of a FastCGI application's socket is empty");
  return { path };
}
