import { fstatSync, readFileSync, readlinkSync } from "node:fs";
import { LISTENSOCK_FILENO } from "../protocol/constants.ts";

/** First descriptor that systemd passes. */
const LISTEN_FDS_START = 3;

/**
 * Whether a descriptor is a socket that listens; undefined where the system does not tell (it is a socket then).
 *
 * Node cannot ask for SO_ACCEPTCONN, and trying to listen would close a descriptor that is none: Linux tells in
 * its tables of sockets.
 */
export function isListening(fd: number): boolean | undefined {
  let inode: string | undefined;
  try {
    if (!fstatSync(fd).isSocket()) return false;
    inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  } catch (error) {
    if (isErrorWithCode(error, "EBADF")) return false;
  }
  if (inode === undefined) return undefined;
  // Columns: flags (SO_ACCEPTCON is 10000) and inode; state (0A is LISTEN) and inode.
  const isFound = (table: string, flag: number, set: RegExp, column: number): boolean | undefined => {
    const line = linesOf(table).find((columns) => columns[column] === inode);
    return line && set.test(line[flag] ?? "");
  };
  return isFound("unix", 3, /^\w{3}1/, 6) ?? isFound("tcp", 3, /^0A$/, 9) ?? isFound("tcp6", 3, /^0A$/, 9);
}

function linesOf(table: string): string[][] {
  try {
    const lines = readFileSync(`/proc/self/net/${table}`, "latin1").split("\n");
    return lines.map((line) => line.trim().split(/\s+/));
  } catch {
    return [];
  }
}

/** Whether the process was started as an ordinary CGI program: for one request, on stdin and stdout. */
export function isCGIProcess(env: NodeJS.ProcessEnv = process.env): boolean {
  if (env.GATEWAY_INTERFACE === undefined || env.REQUEST_METHOD === undefined) return false;
  return isListening(LISTENSOCK_FILENO) !== true;
}

/**
 * Finds the listening socket that the process was given: descriptor 0 (FastCGI 1.0, 2.2: lighttpd, mod_fcgid,
 * h2o, spawn-fcgi), or one of systemd's.
 *
 * @param name the socket's name in LISTEN_FDNAMES, where systemd passes several
 * @returns the descriptor; undefined if there is none
 * @throws TypeError if systemd passes several and `name` names none of them
 */
export function inheritedSocket(name?: string, env: NodeJS.ProcessEnv = process.env): number | undefined {
  if (name === undefined && isListening(LISTENSOCK_FILENO) === true) return LISTENSOCK_FILENO;
  // The variables are inherited by processes that they are not for.
  const count = env.LISTEN_PID === String(process.pid) ? Number(env.LISTEN_FDS) : 0;
  const names = (env.LISTEN_FDNAMES ?? "").split(":").slice(0, count);
  if (name !== undefined) {
    const index = names.indexOf(name);
    if (index === -1) {
      throw new TypeError(
        `systemd passes no socket named ${JSON.stringify(name)}: LISTEN_FDNAMES holds ${names.join(", ") || "none"}`,
      );
    }
    return LISTEN_FDS_START + index;
  }
  if (count > 1) {
    throw new TypeError(`systemd passes ${count} sockets (${names.join(", ")}): choose one with { fdName }`);
  }
  return count === 1 ? LISTEN_FDS_START : undefined;
}

function isErrorWithCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
