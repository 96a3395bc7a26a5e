import cluster from "node:cluster";
import { type BigIntStats, existsSync, lstatSync, readFileSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { isMainThread, Worker } from "node:worker_threads";
import { argumentError } from "./argument-error.ts";
import {
  listenError,
  readAccess,
  type SocketAccess,
  type SocketPermissions,
  setAccess,
} from "./socket-access.ts";
import { withSocketLock } from "./socket-lock.ts";

/** Path and permissions of a unix socket. */
export interface UnixSocketOptions extends SocketAccess {
  readonly path: string;
}

/** Length of `sun_path` in `struct sockaddr_un`, less the terminating zero byte. */
const MAX_PATH_LENGTH = process.platform === "linux" ? 107 : 103;

/** Returns whether a path is in the file system: not a pipe of Windows, not an abstract name of Linux. */
export function isFilePath(path: string): boolean {
  return process.platform !== "win32" && !path.startsWith("\0");
}

/**
 * Checks path and permissions before the socket is bound.
 *
 * @throws RangeError `ERR_OUT_OF_RANGE` if the path is too long, or the mode is out of range
 * @throws TypeError if the mode is no number, or owner or group is unknown
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
 * Binds a unix socket. Replaces a socket file whose server is dead; leaves any other file alone.
 *
 * Synchronous, like `net.Server`: programs call `listen()`, then `chmod()`.
 *
 * @param bind binds the socket, and returns whether it succeeded; its errors are not handled here
 * @throws Error with `code` EADDRINUSE if the path is taken, ENOENT if the folder is missing, EPERM if the owner cannot
 *   be set (the socket is bound then)
 */
export function bindUnixSocket(options: UnixSocketOptions, bind: () => boolean): void {
  const { path } = options;
  const permissions = readAccess(options);
  withSocketLock(path, () => {
    removeDeadSocket(path);
    bindWithAccess(path, permissions, bind);
  });
}

/**
 * Binds with a umask that gives the socket its mode from the moment it exists. The umask belongs to the whole process,
 * but no other JavaScript runs on this thread until it is restored. Node.js does not let worker threads set it.
 */
function bindWithAccess(path: string, permissions: SocketPermissions, bind: () => boolean): void {
  const { mode } = permissions;
  const isOwned = isOwnedBy(permissions);
  if (mode === undefined && !isOwned) {
    bind();
  } else if (!isMainThread) {
    checkUmask(path, permissions, "a worker thread");
    if (bind()) setAccess(path, permissions);
  } else {
    // Until its owner is set, only the user of this process may connect.
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
 * Binds a unix socket in the primary of a cluster, for all its workers. An existing socket is left alone, because a
 * worker cannot tell the socket of the primary from that of another server.
 *
 * @returns a function to call once the socket is bound; it sets owner and mode
 * @throws Error with `code` EPERM if other users could connect before owner and mode are set
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

/** Throws if the umask would let other users connect at first. Connecting takes write permission. */
function checkUmask(path: string, permissions: SocketPermissions, who: string): void {
  const mayConnect = isOwnedBy(permissions) ? 0o700 : permissions.mode!;
  const umask = readUmask();
  const surplus = 0o222 & ~umask & ~mayConnect;
  if (surplus === 0) return;
  const wanted = (umask | surplus).toString(8).padStart(3, "0");
  throw listenError(
    "EPERM",
    `cannot listen on ${path}: ${who} cannot change the umask, so that others could connect before owner and mode are set: start the process with umask ${wanted}`,
  );
}

/** `process.umask()` sets the umask for a moment to read it, which other threads would see. */
function readUmask(): number {
  try {
    const mask = /^Umask:\s*([0-7]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    if (mask !== undefined) return Number.parseInt(mask, 8);
  } catch {
    // Not Linux.
  }
  return process.umask();
}

function removeDeadSocket(path: string): void {
  const stats = statsOf(path);
  if (stats === undefined) {
    const folder = dirname(path);
    // libuv would report EACCES.
    if (!existsSync(folder))
      throw listenError("ENOENT", `cannot listen on ${path}: there is no folder ${folder}`);
    return;
  }
  if (!stats.isSocket()) {
    const kind = stats.isDirectory() ? "a folder" : stats.isSymbolicLink() ? "a symbolic link" : "a file";
    throw listenError(
      "EADDRINUSE",
      `cannot listen on ${path}: it is ${kind}, not a socket, and is left alone`,
    );
  }
  if (isAlive(path))
    throw listenError("EADDRINUSE", `cannot listen on ${path}: another server listens there`);
  const now = statsOf(path);
  if (now === undefined) return;
  // Detects programs that do not take the lock. Inode numbers are reused, so the time is compared as well.
  if (now.dev !== stats.dev || now.ino !== stats.ino || now.ctimeNs !== stats.ctimeNs)
    throw listenError("EADDRINUSE", `cannot listen on ${path}: another server has begun to listen there`);
  unlinkSync(path);
}

function statsOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

const PROBE = `
const { path, result } = require("node:worker_threads").workerData;
const socket = require("node:net").connect(path);
const report = (state) => { Atomics.store(result, 0, state); Atomics.notify(result, 0); socket.destroy(); };
socket.on("connect", () => report(1));
socket.on("error", (error) => report(error.code === "ECONNREFUSED" || error.code === "ENOENT" ? 2 : 1));
`;

/** Connects in another thread and waits for the result, because `listen()` is synchronous. */
function isAlive(path: string): boolean {
  const result = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(PROBE, { eval: true, workerData: { path, result }, execArgv: [] });
  worker.unref();
  Atomics.wait(result, 0, 0, 5000);
  // Without a result in time the socket counts as alive, and is left alone.
  return result[0] !== 2;
}

/** Returns whether the primary of a cluster binds the socket for this process. */
export function isBoundByPrimary(exclusive: boolean | undefined): boolean {
  return cluster.isWorker && exclusive !== true;
}
