import cluster from "node:cluster";
import { chmodSync, chownSync, existsSync, lstatSync, readFileSync, type Stats, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { isMainThread, Worker } from "node:worker_threads";

/** What a unix socket is to be like. */
export interface UnixSocketOptions {
  readonly path: string;
  readonly mode?: number | undefined;
  readonly owner?: string | number | undefined;
  readonly group?: string | number | undefined;
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
export function checkSocketOptions({ path, mode, owner, group }: UnixSocketOptions): void {
  const length = Buffer.byteLength(path);
  if (length > MAX_PATH_LENGTH) {
    throw new RangeError(
      `path of the unix socket is ${length} bytes long, at most ${MAX_PATH_LENGTH} fit: ${path} (a path relative to the current folder may be shorter)`,
    );
  }
  if (mode !== undefined && (!Number.isInteger(mode) || mode < 0 || mode > 0o777)) {
    throw new RangeError(`mode is ${String(mode)}: give permissions such as 0o660`);
  }
  readId("/etc/passwd", "owner", owner);
  readId("/etc/group", "group", group);
}

/**
 * Binds a unix socket. A socket file whose server is dead is replaced; whatever else is there is left alone.
 *
 * All is done when it returns, as `net.Server` does it: `listen()`, then `chmod()`, is what programs do.
 *
 * @param bind makes the socket; its own failure is its own affair
 * @throws Error with `code` if the path is taken (EADDRINUSE), its folder missing (ENOENT), or its owner cannot be
 *   set (EPERM); the socket may be bound then
 */
export function bindUnixSocket(options: UnixSocketOptions, bind: () => boolean): void {
  const { path } = options;
  // The primary binds, for all workers of a cluster, and each of them would take it for another server.
  if (!cluster.isWorker) makeRoom(path);
  const isOwned = options.owner !== undefined || options.group !== undefined;
  const isBound = bindWithMode(isOwned ? 0o600 : options.mode, bind);
  if (isBound && (isOwned || (options.mode !== undefined && !canSetUmask()))) setAccess(options);
}

/** The umask is the whole process's, but nothing else runs until it is set back; no other thread may set it. */
function bindWithMode(mode: number | undefined, bind: () => boolean): boolean {
  if (mode === undefined || !canSetUmask()) return bind();
  const umask = process.umask(0o777 & ~mode);
  try {
    return bind();
  } finally {
    process.umask(umask);
  }
}

function canSetUmask(): boolean {
  return isMainThread && !cluster.isWorker;
}

/** Sets owner, group and mode of a bound socket. */
export function setAccess({ path, mode, owner, group }: UnixSocketOptions): void {
  if (owner !== undefined || group !== undefined) {
    const { uid, gid } = lstatSync(path);
    try {
      chownSync(
        path,
        readId("/etc/passwd", "owner", owner) ?? uid,
        readId("/etc/group", "group", group) ?? gid,
      );
    } catch (error) {
      if (!(error instanceof Error && "syscall" in error)) throw error;
      throw failure(
        "EPERM",
        `owner and group of ${path} cannot be set to ${owner ?? uid} and ${group ?? gid}: only root may, or a member of the group`,
      );
    }
  }
  // Without a mode: what the umask leaves.
  const umask = isMainThread ? process.umask() : 0o022;
  chmodSync(path, mode ?? 0o777 & ~umask);
}

/** Node has no getpwnam(): the files know the users that services run as. */
function readId(file: string, kind: string, name: string | number | undefined): number | undefined {
  if (name === undefined || typeof name === "number") return name;
  const line = readFileSync(file, "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const id = Number(line?.split(":")[2] ?? Number.NaN);
  if (Number.isNaN(id))
    throw new TypeError(`${kind} ${JSON.stringify(name)} is not in ${file}: give its number`);
  return id;
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
  unlinkSync(path);
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
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

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall: "listen" });
}
