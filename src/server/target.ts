import type { ListenOptions } from "node:net";
import { inheritedSocket } from "./inherited-socket.ts";

/** Where and how to listen: `net.ListenOptions`, and these. The default host is 127.0.0.1. */
export interface FastCGIListenOptions extends ListenOptions {
  /** Descriptor of a socket that is listening already. */
  fd?: number | undefined;
  /** Name of a socket of systemd's (`FileDescriptorName=`), where it passes several. */
  fdName?: string | undefined;
  /**
   * Permissions of a unix socket, for instance `0o660`. Others may connect from the first instant on, or never.
   * @defaultValue what the umask of the process leaves
   */
  mode?: number | undefined;
  /** Owner of a unix socket: a name or a number. Only root may set it. */
  owner?: string | number | undefined;
  /** Group of a unix socket, for instance that of the web server: a name or a number. */
  group?: string | number | undefined;
}

/** The arguments of `server.listen()`, and {@link FastCGIListenOptions}. */
export type ListenArguments =
  | [port?: Port, host?: string | undefined, backlog?: number | undefined, listener?: Listener]
  | [port?: Port, host?: string | undefined, listener?: Listener]
  | [portOrPath?: Port, backlog?: number | undefined, listener?: Listener]
  | [portOrPath?: Port, listener?: Listener]
  | [options: FastCGIListenOptions, listener?: Listener]
  | [handle: unknown, listener?: Listener]
  | [listener?: Listener];

type Port = number | string | undefined;
type Listener = (() => void) | undefined;

/** What {@link readListenArguments} makes of them. */
export interface ListenCall {
  /** Undefined for a handle, which is Node's affair. */
  readonly options: FastCGIListenOptions | undefined;
  readonly listener: (() => void) | undefined;
}

/** Reads the arguments of `server.listen()` as node:net does, but for loopback in the place of all addresses. */
export function readListenArguments(args: readonly unknown[]): ListenCall {
  const last = args.at(-1);
  const listener = typeof last === "function" ? (last as () => void) : undefined;
  const [first, second, third] = args;
  const backlogValue = typeof second === "number" ? second : third;
  const backlog = typeof backlogValue === "number" ? { backlog: backlogValue } : {};
  if (first === undefined || first === null || first === listener)
    return { options: readTarget({}), listener };
  if (typeof first === "number" || typeof first === "string") {
    const host = typeof second === "string" && second !== "" ? { host: second } : {};
    return { options: { ...readTarget(first), ...host, ...backlog }, listener };
  }
  const isHandle = typeof first !== "object" || "_handle" in first || !isPlain(first);
  return { options: isHandle ? undefined : readTarget(first as FastCGIListenOptions), listener };
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || "port" in value || "path" in value;
}

/**
 * Completes a target: a port or a path as options, no target as the socket that the process was given, or
 * `fcgi.sock` in the current folder.
 *
 * @throws TypeError or RangeError if it is none; the message says what to give instead
 */
export function readTarget(target: number | string | FastCGIListenOptions): FastCGIListenOptions {
  if (typeof target === "number") return { port: checkPort(target), host: "127.0.0.1" };
  if (typeof target === "string") return readText(target);
  if (typeof target !== "object" || target === null) {
    throw new TypeError(
      `target is ${describe(target)}: give a port, a path, or an object with port, path or fd`,
    );
  }
  if (target.fd !== undefined) {
    if (!Number.isInteger(target.fd) || target.fd < 0) {
      throw new RangeError(`fd is ${describe(target.fd)}: give the number of an open descriptor`);
    }
    return target;
  }
  if (target.port !== undefined) {
    checkPort(target.port);
    // A host that is undefined is none: all addresses are to be asked for.
    return { ...target, host: target.host ?? "127.0.0.1" };
  }
  if (target.path !== undefined) {
    if (typeof target.path !== "string" || target.path === "") {
      throw new TypeError(`path is ${describe(target.path)}: give the path of a unix socket`);
    }
    return target;
  }
  if (target.host !== undefined) {
    throw new TypeError(`target has the host ${describe(target.host)} and no port: give one`);
  }
  const fd = inheritedSocket(target.fdName);
  return fd === undefined ? { ...target, path: "fcgi.sock" } : { ...target, fd };
}

function readText(target: string): FastCGIListenOptions {
  if (target === "") throw new TypeError('target is "": give a port or the path of a unix socket');
  // As in node:net: PORT comes out of the environment as a string.
  if (/^\d+$/.test(target)) return { port: checkPort(Number(target)), host: "127.0.0.1" };
  const address = /^(?:\w+:\/\/|tcp:)?(\[[\da-f:.]+\]|[\w.-]*):(\d+)$/i.exec(target);
  if (address !== null) {
    const host = address[1]!.replace(/^\[|\]$/g, "") || "127.0.0.1";
    throw new TypeError(
      `target ${describe(target)} would be the path of a unix socket: for TCP give { host: ${describe(host)}, port: ${address[2]} }`,
    );
  }
  if (target.startsWith("unix:")) {
    const path = target.replace(/^unix:(\/\/(?=\/))?/, "");
    throw new TypeError(`target is ${describe(target)}: give the path alone, ${describe(path)}`);
  }
  return { path: target };
}

function checkPort(port: unknown): number {
  const number = typeof port === "string" && port.trim() !== "" ? Number(port) : port;
  if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number > 65535) {
    throw new RangeError(
      `port is ${describe(port)}: give an integer from 0 to 65535, 0 for any that is free`,
    );
  }
  return number;
}

function describe(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
