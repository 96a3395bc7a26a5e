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

/** {@link SocketAccess} as the system wants it. */
export interface SocketPermissions {
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** Opens nothing but the place in the file system; Node has no name for it. */
const O_PATH = 0o10000000;

/**
 * Looks up the names.
 *
 * @throws RangeError or TypeError if the mode is none, or owner or group are not known
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

/** Node has no getpwnam(): the files know the users that services run as. */
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
 * Sets owner, group and mode of a unix socket that this process has just bound, in this order, so that nobody may
 * connect who may not in the end.
 *
 * By a descriptor of the socket, after a look at it: whoever may write to its folder could put a link in its
 * place, and have another file given away.
 *
 * @throws Error with `code` EPERM if that is not permitted, or something else is at the path by now
 */
export function setAccess(path: string, { mode, uid, gid }: SocketPermissions): void {
  const isLinux = process.platform === "linux";
  const fd = isLinux ? openSync(path, O_PATH | constants.O_NOFOLLOW) : undefined;
  try {
    const stats = fd === undefined ? lstatSync(path) : fstatSync(fd);
    if (!isOwn(stats)) {
      throw failure("EPERM", `cannot listen on ${path}: it was replaced before its owner and mode were set`);
    }
    if (uid !== undefined || gid !== undefined) {
      try {
        const [owner, group] = [uid ?? stats.uid, gid ?? stats.gid];
        if (fd === undefined) lchownSync(path, owner, group);
        else chownSync(`/proc/self/fd/${fd}`, owner, group);
      } catch (error) {
        if (!(error instanceof Error && "syscall" in error)) throw error;
        throw failure(
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

/** A second name would be that of another's socket, linked to here. */
function isOwn(stats: Stats): boolean {
  return stats.isSocket() && stats.nlink === 1;
}

/** Makes the error of a socket that cannot be listened on, for an `error` event. */
export function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall: "listen" });
}
