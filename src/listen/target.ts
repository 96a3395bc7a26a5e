import type { ListenOptions } from "node:net";
import { isPlainObject, LOOPBACK, readAddress, readPort } from "./address.ts";
import { argumentError, describeValue } from "./argument-error.ts";
import { inheritedSocket } from "./inherited-socket.ts";
import { isFilePath } from "./unix-socket.ts";

/** Options of `listen()`: those of `net.Server`, and access to unix sockets. The default host is 127.0.0.1. */
export interface FastCGIListenOptions extends ListenOptions {
  /** Descriptor of a socket that already listens. */
  fd?: number | undefined;
  /** Name of the socket of systemd to listen on (`FileDescriptorName=`), if systemd passes several. */
  fdName?: string | undefined;
  /**
   * Permissions of a unix socket, such as `0o660`. They hold from the moment the socket exists.
   *
   * @defaultValue determined by the umask of the process
   */
  mode?: number | undefined;
  /** Owner of a unix socket: a name or a numeric id. Only root can set it. */
  owner?: string | number | undefined;
  /** Group of a unix socket, usually the group of the web server: a name or a numeric id. */
  group?: string | number | undefined;
}

/** Arguments of `server.listen()`: those of `net.Server`, where options are {@link FastCGIListenOptions}. */
export type ListenArguments =
  | [
      port?: number | string | undefined,
      host?: string | undefined,
      backlog?: number | undefined,
      listener?: (() => void) | undefined,
    ]
  | [port?: number | string | undefined, host?: string | undefined, listener?: (() => void) | undefined]
  | [
      portOrPath?: number | string | undefined,
      backlog?: number | undefined,
      listener?: (() => void) | undefined,
    ]
  | [portOrPath?: number | string | undefined, listener?: (() => void) | undefined]
  | [options: FastCGIListenOptions, listener?: (() => void) | undefined]
  | [handle: unknown, listener?: (() => void) | undefined]
  | [listener?: (() => void) | undefined];

/** Result of {@link readListenArguments}. */
export interface ListenCall {
  /** Undefined for a handle: node:net reads it. */
  readonly options: FastCGIListenOptions | undefined;
  readonly listener: (() => void) | undefined;
}

/**
 * Reads the arguments of `server.listen()` as node:net does, except that the default host is loopback.
 *
 * @throws as {@link readTarget}
 */
export function readListenArguments(args: readonly unknown[]): ListenCall {
  const last = args.at(-1);
  const listener = typeof last === "function" ? (last as () => void) : undefined;
  const [first, second, third] = args;
  const backlogValue = typeof second === "number" ? second : third;
  const backlog = typeof backlogValue === "number" ? { backlog: backlogValue } : {};
  if (first === undefined || first === null || first === listener)
    return { options: readTarget({}), listener };
  if (typeof first === "number" || typeof first === "string") {
    const address = readAddress(first);
    const host = "port" in address && typeof second === "string" && second !== "" ? { host: second } : {};
    return { options: { ...address, ...host, ...backlog }, listener };
  }
  const isHandle = typeof first !== "object" || "_handle" in first || !isOptions(first);
  return { options: isHandle ? undefined : readTarget(first as FastCGIListenOptions), listener };
}

function isOptions(value: object): boolean {
  return isPlainObject(value) || "port" in value || "path" in value;
}

/**
 * Completes a target: a port or a path becomes options; without either, the target is the socket that the process
 * inherited, or else `fcgi.sock` in the current folder. `{ port: undefined }` is any free port, as in node:net.
 *
 * @throws TypeError or RangeError with the `code` of node:net if the target is wrong; the message says what to give
 */
export function readTarget(target: number | string | FastCGIListenOptions): FastCGIListenOptions {
  if (typeof target === "number" || typeof target === "string") return readAddress(target);
  if (typeof target !== "object" || target === null) {
    throw argumentError(
      "ERR_INVALID_ARG_TYPE",
      `target is ${describeValue(target)}: give a port, a path, or an object with port, path or fd`,
    );
  }
  const { port, path, host, fd } = target;
  if (typeof fd === "number" && fd >= 0) {
    refuseOptions(target, "a descriptor", ["fdName", "mode", "owner", "group"]);
    return target;
  }
  if (isGiven(port)) {
    if (typeof port !== "number" && typeof port !== "string") {
      throw argumentError("ERR_INVALID_ARG_VALUE", `port is ${describeValue(port)}: give a number`);
    }
    readPort(port);
    refuseOptions(target, "a TCP port", ["fdName", "mode", "owner", "group"]);
    return { ...target, host: host || LOOPBACK };
  }
  if (isGiven(path)) {
    if (typeof path !== "string" || path === "") {
      throw argumentError(
        "ERR_INVALID_ARG_VALUE",
        `path is ${describeValue(path)}: give the path of a unix socket`,
      );
    }
    refuseOptions(target, "a path", ["fdName"]);
    if (!isFilePath(path)) refuseOptions(target, "what is no file", ["mode", "owner", "group"]);
    return target;
  }
  if (isGiven(fd)) {
    throw argumentError(
      "ERR_INVALID_ARG_VALUE",
      `fd is ${describeValue(fd)}: give the number of an open descriptor`,
    );
  }
  if ("port" in target) return { ...target, port: 0, host: host || LOOPBACK };
  if (isGiven(host)) {
    throw argumentError(
      "ERR_INVALID_ARG_VALUE",
      `target has the host ${describeValue(host)} and no port: give one`,
    );
  }
  const inherited = inheritedSocket(target.fdName);
  if (inherited === undefined) return { ...target, path: "fcgi.sock" };
  // The program that created the socket has set its permissions.
  return { ...target, fd: inherited, fdName: undefined, mode: undefined, owner: undefined, group: undefined };
}

function refuseOptions(
  target: FastCGIListenOptions,
  kind: string,
  names: readonly ("fdName" | "mode" | "owner" | "group")[],
): void {
  const name = names.find((option) => isGiven(target[option]));
  if (name === undefined) return;
  throw argumentError("ERR_INVALID_ARG_VALUE", `option ${name} has no effect on ${kind}: leave it out`);
}

function isGiven<T>(value: T): value is NonNullable<T> {
  return value !== undefined && value !== null;
}
