import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lchownSync,
  lstatSync,
  openSync,
  readFileSync,
  type Stats,
} from "node:fs";
import { argumentError, describeValue } from "./argument-error.ts";

/** Who may connect to a unix socket. */
export interface SocketAccess {
  readonly mode?: number | undefined;
  readonly owner?: string | number | undefined;
  readonly group?: string | number | undefined;
}

/** {@link SocketAccess} with numeric ids, as system calls take it. */
export interface SocketPermissions {
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** open(2): refers to a path without opening the file. `fs.constants` lacks it. */
const O_PATH = 0o10000000;

/**
 * Checks the mode, and looks up the ids of owner and group.
 *
 * @throws RangeError `ERR_OUT_OF_RANGE` if the mode is out of range
 * @throws TypeError if the mode is no number, or owner or group is unknown
 */
export function readAccess({ mode, owner, group }: SocketAccess): SocketPermissions {
  if (mode !== undefined) {
    if (typeof mode !== "number") {
      throw argumentError(
        "ERR_INVALID_ARG_TYPE",
        `mode is ${describeValue(mode)}: give permissions such as 0o660`,
      );
    }
    if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
      throw argumentError("ERR_OUT_OF_RANGE", `mode is ${mode}: give permissions such as 0o660`);
    }
  }
  return {
    mode,
    uid: readId("/etc/passwd", "owner", owner),
    gid: readId("/etc/group", "group", group),
  };
}

/** Node.js has no getpwnam(3). The files list the local users, and services run as local users. */
function readId(file: string, kind: string, name: string | number | undefined): number | undefined {
  if (name === undefined) return undefined;
  if (typeof name === "number" && Number.isInteger(name) && name >= 0) return name;
  if (typeof name !== "string" || name === "" || name.includes(":")) {
    throw argumentError(
      "ERR_INVALID_ARG_VALUE",
      `${kind} is ${describeValue(name)}: give a name that is in ${file}, or a number`,
    );
  }
  const line = readFileSync(file, "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const id = Number(line?.split(":")[2] ?? Number.NaN);
  if (Number.isNaN(id)) {
    throw argumentError(
      "ERR_INVALID_ARG_VALUE",
      `${kind} ${describeValue(name)} is not in ${file}: give its number`,
    );
  }
  return id;
}

/**
 * Sets owner, group and mode of a unix socket that this process has just bound. The mode comes last, so that no
 * user can connect whom the final permissions exclude.
 *
 * Works on a descriptor whose file is checked first. By path, a user with write permission for the folder could put a
 * link there, and another file would change its owner.
 *
 * @throws Error with `code` EPERM if that is not permitted, or the file was replaced
 */
export function setAccess(path: string, { mode, uid, gid }: SocketPermissions): void {
  const isLinux = process.platform === "linux";
  const fd = isLinux ? openSync(path, O_PATH | constants.O_NOFOLLOW) : undefined;
  try {
    const stats = fd === undefined ? lstatSync(path) : fstatSync(fd);
    if (!isOwn(stats)) {
      throw listenError(
        "EPERM",
        `cannot listen on ${path}: it was replaced before its owner and mode were set`,
      );
    }
    if (uid !== undefined || gid !== undefined) {
      try {
        const [owner, group] = [uid ?? stats.uid, gid ?? stats.gid];
        if (fd === undefined) lchownSync(path, owner, group);
        else chownSync(`/proc/self/fd/${fd}`, owner, group);
      } catch (error) {
        if (!(error instanceof Error && "syscall" in error)) throw error;
        throw listenError(
          "EPERM",
          `owner and group of ${path} cannot be set to ${uid ?? stats.uid} and ${gid ?? stats.gid}: only root may, or a member of the group`,
        );
      }
    }
    if (mode !== undefined) chmodSync(fd === undefined ? path : `/proc/self/fd/${fd}`, mode);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** A socket with a second name could be a hard link to the socket of another user. */
function isOwn(stats: Stats): boolean {
  return stats.isSocket() && stats.nlink === 1;
}

/** Returns the error of a failed `listen()` as node:net reports it: with `code` and `syscall`. */
export function listenError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall: "listen" });
}
