import { fstatSync, readFileSync, readlinkSync } from "node:fs";

/** Descriptor of the listening socket that a web server passes (FastCGI 1.0, 2.2: FCGI_LISTENSOCK_FILENO). */
const WEB_SERVER_FD = 0;
/** First descriptor that systemd passes (sd_listen_fds(3)). */
const LISTEN_FDS_START = 3;

/**
 * Returns whether a descriptor is a listening socket, or undefined if the system cannot tell and it is a socket.
 *
 * Node.js cannot read SO_ACCEPTCONN, and `listen()` closes a descriptor that is no listening socket. On Linux the
 * state is in /proc/self/net.
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
  // unix: column 3 holds the flags (SO_ACCEPTCON is 10000), 6 the inode; tcp: 3 the state (0A is LISTEN), 9 the inode.
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

/** Returns whether the process was started as a CGI program: for one request, on stdin and stdout. */
export function isCGIProcess(env: NodeJS.ProcessEnv = process.env): boolean {
  if (env.GATEWAY_INTERFACE === undefined || env.REQUEST_METHOD === undefined) return false;
  return isListening(WEB_SERVER_FD) !== true;
}

/**
 * Returns the descriptor of the listening socket that the process inherited: descriptor 0 from a web server or
 * spawn-fcgi, or a socket of systemd.
 *
 * @param name of the socket in LISTEN_FDNAMES, if systemd passes several
 * @returns undefined if there is none
 * @throws TypeError if systemd passes several and `name` is none of them
 * @see FastCGI 1.0, section 2.2; sd_listen_fds(3)
 */
export function inheritedSocket(name?: string, env: NodeJS.ProcessEnv = process.env): number | undefined {
  if (name === undefined && isListening(WEB_SERVER_FD) === true) return WEB_SERVER_FD;
  // Child processes inherit the variables, too; LISTEN_PID names the process that they are for.
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
