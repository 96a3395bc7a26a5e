import type { NetConnectOpts } from "node:net";

/**
 * Where a FastCGI application listens: a TCP port on 127.0.0.1, the path of a unix socket (Windows:
 * `\\.\pipe\name`), or either as an object; `host` is 127.0.0.1 if left out.
 */
export type FastCGITarget =
  | number
  | string
  | { readonly port: number; readonly host?: string | undefined }
  | { readonly path: string };

/** Turns a target into what `net.connect()` takes. */
export function connectOptions(target: FastCGITarget): NetConnectOpts {
  if (typeof target === "number") return tcp(target, "127.0.0.1");
  if (typeof target === "string") return unix(target);
  if ("path" in target) return unix(target.path);
  return tcp(target.port, target.host ?? "127.0.0.1");
}

/** Names a target for messages. */
export function describeTarget(target: NetConnectOpts): string {
  return "path" in target ? target.path : `${target.host}:${target.port}`;
}

function tcp(port: number, host: string): NetConnectOpts {
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new RangeError(`port of a FastCGI application is ${port}, not an integer from 1 to 65535`);
  }
  return { port, host };
}

function unix(path: string): NetConnectOpts {
  if (path === "") throw new TypeError("path of a FastCGI application's socket is empty");
  return { path };
}
