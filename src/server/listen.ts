import cluster from "node:cluster";
import type { Server } from "node:net";
import { isListening } from "./inherited-socket.ts";
import { type FastCGIListenOptions, type ListenArguments, readListenArguments } from "./target.ts";
import { bindUnixSocket, checkSocketOptions, isFilePath, setAccess } from "./unix-socket.ts";

/**
 * Carries out `server.listen(...args)`.
 *
 * @param listen is the method of node:net
 * @throws TypeError or RangeError if the arguments name no target; what the system refuses becomes an `error`
 *   event, as of node:net
 */
export function listenOn(server: Server, args: ListenArguments, listen: (args: unknown[]) => void): void {
  const { options, listener } = readListenArguments(args);
  if (options === undefined) {
    listen(args);
    return;
  }
  const { path } = options;
  const call = listener === undefined ? [options] : [options, listener];
  try {
    if (options.fd !== undefined) checkDescriptor(options.fd);
    if (path === undefined || options.fd !== undefined || !isFilePath(path)) {
      listen(call);
      return;
    }
    const socket = { ...options, path };
    checkSocketOptions(socket);
    if (cluster.isWorker) server.once("listening", () => setWorkerAccess(socket));
    bindUnixSocket(socket, () => {
      listen(call);
      return server.listening;
    });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (server.listening) server.close();
    process.nextTick(() => server.emit("error", error));
  }
}

/** The primary has bound the socket: what is left is to set what it cannot know of. */
function setWorkerAccess(options: FastCGIListenOptions & { path: string }): void {
  if (options.mode !== undefined || options.owner !== undefined || options.group !== undefined)
    setAccess(options);
}

function checkDescriptor(fd: number): void {
  if (isListening(fd) !== false) return;
  const message =
    `cannot listen on descriptor ${fd}: it is no listening socket. ` +
    "Have a web server, spawn-fcgi or systemd start the program, or give a port or a path";
  throw Object.assign(new Error(message), { code: "ENOTSOCK", syscall: "listen" });
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
