import cluster from "node:cluster";
import { type BigIntStats, existsSync, lstatSync, readFileSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { isMainThread, Worker } from "node:worker_threads";
import { argumentError } from "./argument-error.ts";
import {
  failure,
  readAccess,
  type SocketAccess,
  type SocketPermissions,
  setAccess,
} from "./socket-access.ts";
import { withSocketLock } from "./socket-lock.ts";

/** What a unix socket is to be like. */
export interface UnixSocketOptions extends SocketAccess {
  readonly path: string;
}

/** The path and a zero byte have to fit `sun_path`. */
const MAX_PATH_LENGTH = process.platform === "linux" ? 107 : 103;

/** Whether a path is that of a unix socket in a file system: not a pipe of Windows, not an abstract name. */
export function isFilePath(path: string): boolean {
  return process.platform !== "win32" && !path.startsWith("\0");
}

/**
 * Checks what can be known of a path before the socket is bound.
 *
 * @throws RangeError if the path is too long, or the mode is none; TypeError if owner or group are not known
 */
export function checkSocketOptions({ path, ...access }: UnixSocketOptions): void {
  const length = Buffer.byteLength(path);
  if (length > MAX_PATH_LENGTH) {
    throw argumentError(
      "ERR_OUT_OF_RANGE",
      `path of the unix socket is ${length} bytes long, at most ${MAX_PATH_LENGTH} fit: ${path} (a path relative to the current folder may be shorter)`,
    );
  }
  readAccess(access);
}

/**
 * Binds a unix socket. A socket file whose server is dead is replaced; whatever else is there is left alone.
 *
 * All is done when it returns, as `net.Server` does it: `listen()`, then `chmod()`, is what programs do.
 *
 * @param bind makes the socket and says whether it could; its own failure is its own affair
 * @throws Error with `code` if the path is taken (EADDRINUSE), its folder missing (ENOENT), or its owner cannot be
 *   set (EPERM); the socket may be bound then
 */
export function bindUnixSocket(options: UnixSocketOptions, bind: () => boolean): void {
  const { path } = options;
  const permissions = readAccess(options);
  withSocketLock(path, () => {
    makeRoom(path);
    bindWithAccess(path, permissions, bind);
  });
}

/** The umask is the whole process's, but nothing else runs until it is set back; no other thread may set it. */
function bindWithAccess(path: string, permissions: SocketPermissions, bind: () => boolean): void {
  const { mode } = permissions;
  const isOwned = isOwnedBy(permissions);
  if (mode === undefined && !isOwned) {
    bind();
  } else if (!isMainThread) {
    checkUmask(path, permissions, "a worker thread");
    if (bind()) setAccess(path, permissions);
  } else {
    // Nobody but this process's user, until it is the owner's.
    const first = isOwned ? 0o700 & (mode ?? 0o700) : mode!;
    const umask = process.umask(0o777 & ~first);
    let isBound: boolean;
    try {
      isBound = bind();
    } finally {
      process.umask(umask);
    }
    if (isBound && isOwned) setAccess(path, { ...permissions, mode: mode ?? 0o777 & ~umask });
  }
}

/**
 * Binds a unix socket in the primary of a cluster, for all its workers. A socket that is there is left alone, as each
 * worker would take that of the primary for another server's.
 *
 * @returns a function that sets owner and mode once the socket is bound
 * @throws Error with `code` EPERM if others could connect before that
 */
export function bindInPrimary(options: UnixSocketOptions, bind: () => void): () => void {
  const permissions = readAccess(options);
  const isPlain = permissions.mode === undefined && !isOwnedBy(permissions);
  if (!isPlain) checkUmask(options.path, permissions, "a worker of a cluster");
  bind();
  return () => {
    if (!isPlain) setAccess(options.path, permissions);
  };
}

function isOwnedBy({ uid, gid }: SocketPermissions): boolean {
  return uid !== undefined || gid !== undefined;
}

/** To connect, one has to have write permission. */
function checkUmask(path: string, permissions: SocketPermissions, who: string): void {
  const mayConnect = isOwnedBy(permissions) ? 0o700 : permissions.mode!;
  const umask = readUmask();
  const surplus = 0o222 & ~umask & ~mayConnect;
  if (surplus === 0) return;
  const wanted = (umask | surplus).toString(8).padStart(3, "0");
  throw failure(
    "EPERM",
    `cannot listen on ${path}: ${who} cannot change the umask, so that others could connect before owner and mode are set: start the process with umask ${wanted}`,
  );
}

/** Asking by `process.umask()` sets it for a moment, under the other threads. */
function readUmask(): number {
  try {
    const mask = /^Umask:\s*([0-7]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    if (mask !== undefined) return Number.parseInt(mask, 8);
  } catch {
    // Another system than Linux.
  }
  return process.umask();
}

function makeRoom(path: string): void {
  const stats = statsOf(path);
  if (stats === undefined) {
    const folder = dirname(path);
    // libuv makes EACCES of it, "permission denied".
    if (!existsSync(folder))
      throw failure("ENOENT", `cannot listen on ${path}: there is no folder ${folder}`);
    return;
  }
  if (!stats.isSocket()) {
    const kind = stats.isDirectory() ? "a folder" : stats.isSymbolicLink() ? "a symbolic link" : "a file";
    throw failure("EADDRINUSE", `cannot listen on ${path}: it is ${kind}, not a socket, and is left alone`);
  }
  if (isAlive(path)) throw failure("EADDRINUSE", `cannot listen on ${path}: another server listens there`);
  const now = statsOf(path);
  if (now === undefined) return;
  // A program that knows nothing of the lock has been here. Numbers of inodes are used again.
  if (now.dev !== stats.dev || now.ino !== stats.ino || now.ctimeNs !== stats.ctimeNs)
    throw failure("EADDRINUSE", `cannot listen on ${path}: another server has begun to listen there`);
  unlinkSync(path);
}

function statsOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

const PROBE = `
const { path, result } = require("node:worker_threads").workerData;
const socket = require("node:net").connect(path);
const say = (answer) => { Atomics.store(result, 0, answer); Atomics.notify(result, 0); socket.destroy(); };
socket.on("connect", () => say(1));
socket.on("error", (error) => say(error.code === "ECONNREFUSED" || error.code === "ENOENT" ? 2 : 1));
`;

/** Connects, and waits for the outcome: in another thread, as this one has to stay here. */
function isAlive(path: string): boolean {
  const result = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(PROBE, { eval: true, workerData: { path, result }, execArgv: [] });
  worker.unref();
  Atomics.wait(result, 0, 0, 5000);
  // No answer: better to leave the file alone.
  return result[0] !== 2;
}

/** Whether the primary of a cluster binds, in the place of this process. */
export function isBoundByPrimary(exclusive: boolean | undefined): boolean {
  return cluster.isWorker && exclusive !== true;
}
