import { argumentError, describeValue } from "./argument-error.ts";

/** A TCP address, or the path of a unix socket (Windows: of a named pipe). */
export type Address = { readonly port: number; readonly host: string } | { readonly path: string };

/**
 * The address of a FastCGI application: a TCP port on 127.0.0.1, as a number or a string of digits; the path of a
 * unix socket (Windows: `\\\\.\\pipe\\name`); or one of them in an object, where `host` defaults to 127.0.0.1.
 */
export type FastCGITarget =
  | number
  | string
  | { readonly port: number | string; readonly host?: string | undefined; readonly path?: undefined }
  | { readonly path: string; readonly port?: undefined; readonly host?: undefined };

/** The default host. FastCGI has no authentication, so any other host must be given explicitly. */
export const LOOPBACK = "127.0.0.1";

const WAY_OUT = "give a port, the path of a unix socket, { host, port } or { path }";
/** Names that other libraries use for `host`. */
const HOST_NAMES = new Set(["address", "hostname"]);

/**
 * Reads a port or a path as `server.listen()` of node:net does. A string of digits is a port, since `process.env.PORT`
 * is a string.
 *
 * `"localhost:9000"`, `"tcp://…"` and `"unix:…"` would be paths of unix sockets, which nobody means; the error says
 * what to give instead.
 *
 * @param target a port, its digits, or a path
 * @param name of the argument, for messages
 * @throws RangeError `ERR_SOCKET_BAD_PORT` if the port is out of range or the string empty
 * @throws TypeError `ERR_INVALID_ARG_VALUE` if the address is in another notation
 */
export function readAddress(target: number | string, name = "target"): Address {
  if (typeof target === "number") return { port: readPort(target), host: LOOPBACK };
  if (target.trim() === "") {
    throw argumentError(
      "ERR_SOCKET_BAD_PORT",
      `${name} is ${describeValue(target)}: give a port or the path of a unix socket`,
    );
  }
  if (Number(target) >= 0) return { port: readPort(target), host: LOOPBACK };
  const address = /^(?:\w+:\/\/|tcp:)?(\[[\da-f:.]+\]|[\w.-]*):(\d+)\/?$/i.exec(target);
  if (address !== null) {
    const host = withoutBrackets(address[1]!) || LOOPBACK;
    throw argumentError(
      "ERR_INVALID_ARG_VALUE",
      `${name} ${describeValue(target)} would be the path of a unix socket: for TCP give { host: ${describeValue(host)}, port: ${address[2]} }`,
    );
  }
  if (target.startsWith("unix:")) {
    const path = target.replace(/^unix:(\/\/(?=\/))?/, "");
    throw argumentError(
      "ERR_INVALID_ARG_VALUE",
      `${name} is ${describeValue(target)}: give the path alone, ${describeValue(path)}`,
    );
  }
  return { path: target };
}

/**
 * Reads a port as node:net does: an integer, or its digits.
 *
 * @throws RangeError `ERR_SOCKET_BAD_PORT` if it is not an integer from `least` to 65535
 */
export function readPort(port: unknown, least = 0): number {
  const isText = typeof port === "string" && port.trim() !== "";
  const number = isText ? Number(port) : port;
  if (typeof number !== "number" || !Number.isInteger(number) || number < least || number > 65535) {
    const any = least === 0 ? ", 0 for any that is free" : "";
    throw argumentError(
      "ERR_SOCKET_BAD_PORT",
      `port is ${describeValue(port)}: give an integer from ${least} to 65535${any}`,
    );
  }
  return number;
}

/**
 * Reads the address of an application to connect to. Numbers and strings are read as {@link readAddress} does.
 *
 * @throws TypeError or RangeError with a code of Node.js if the target is no address; the message says what to give
 */
export function readConnectTarget(target: FastCGITarget): Address {
  if (typeof target === "number") return tcpAddress(target, undefined);
  if (typeof target === "string") {
    const address = readAddress(target);
    return "port" in address ? tcpAddress(address.port, address.host) : address;
  }
  if (target === undefined) throw argumentError("ERR_MISSING_ARGS", `target is undefined: ${WAY_OUT}`);
  if (!isPlainObject(target)) {
    throw argumentError("ERR_INVALID_ARG_TYPE", `target is ${describeValue(target)}: ${WAY_OUT}`);
  }
  for (const name of Object.keys(target)) {
    if (name === "port" || name === "host" || name === "path") continue;
    const hint = HOST_NAMES.has(name) ? 'the address is "host"' : WAY_OUT;
    throw argumentError(
      "ERR_INVALID_ARG_VALUE",
      `target has the unknown property ${describeValue(name)}: ${hint}`,
    );
  }
  const { port, host, path } = target;
  if (path !== undefined) {
    if (port === undefined && host === undefined) return socketAddress(path);
    throw argumentError("ERR_INVALID_ARG_VALUE", "target has a path and a port or host: give one of them");
  }
  if (port !== undefined) return tcpAddress(port, host);
  const what = host === undefined ? "neither port nor path" : `the host ${describeValue(host)} and no port`;
  throw argumentError("ERR_MISSING_ARGS", `target has ${what}: ${WAY_OUT}`);
}

/** Whether a value is an object without a class, as options and targets are. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Describes an address in messages: `host:port`, `[host]:port` with IPv6, or the path. */
export function describeAddress(address: Address): string {
  if ("path" in address) return address.path;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function tcpAddress(port: unknown, host: unknown): Address {
  if (host !== undefined && (typeof host !== "string" || host === "")) {
    throw argumentError("ERR_INVALID_ARG_TYPE", `host is ${describeValue(host)}: give a name or an address`);
  }
  return { port: readPort(port, 1), host: host === undefined ? LOOPBACK : withoutBrackets(host) };
}

/** Both `[::1]` and `::1` are in use. */
function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

function socketAddress(path: unknown): Address {
  if (typeof path !== "string") {
    throw argumentError(
      "ERR_INVALID_ARG_TYPE",
      `path is ${describeValue(path)}: give the path of a unix socket`,
    );
  }
  if (path === "") {
    throw argumentError("ERR_INVALID_ARG_VALUE", "path of the FastCGI application's socket is empty");
  }
  return { path };
}
