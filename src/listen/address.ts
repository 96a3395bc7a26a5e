import { argumentError, describeValue } from "./argument-error.ts";

/** Where a FastCGI application listens: TCP, or a unix socket (Windows: a named pipe). */
export type Address = { readonly port: number; readonly host: string } | { readonly path: string };

/** The default host. FastCGI has no authentication: other hosts have to be named. */
export const LOOPBACK = "127.0.0.1";

/**
 * Reads a port or a path, as `server.listen()` of node:net tells them apart: what is a number is a port, as PORT
 * comes out of the environment as a string.
 *
 * `"localhost:9000"`, `"tcp://…"` and `"unix:…"` would be the paths of unix sockets. Nobody means that: the error
 * says what to give instead.
 *
 * @param target a port, its digits, or a path
 * @param name what the messages call it
 * @throws RangeError with `ERR_SOCKET_BAD_PORT` if it is a port that cannot be; TypeError with
 *   `ERR_INVALID_ARG_VALUE` if it is an address in another notation
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
    const host = address[1]!.replace(/^\[|\]$/g, "") || LOOPBACK;
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
 * @throws RangeError with `ERR_SOCKET_BAD_PORT` if it is none from `least` to 65535
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
