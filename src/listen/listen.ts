import type { Server } from "node:net";
import { isListening } from "./inherited-socket.ts";
import { listenError } from "./socket-access.ts";
import { type ListenArguments, readListenArguments } from "./target.ts";
import {
  bindInPrimary,
  bindUnixSocket,
  checkSocketOptions,
  isBoundByPrimary,
  isFilePath,
} from "./unix-socket.ts";

/**
 * Implements `server.listen(...args)`. Errors of system calls become an `error` event, as in node:net.
 *
 * @param listen calls `listen()` of node:net
 * @throws TypeError or RangeError with a code of Node.js if the arguments are no target, and
 *   `ERR_SERVER_ALREADY_LISTEN`
 */
export function listenOn(server: Server, args: ListenArguments, listen: (args: unknown[]) => void): void {
  // Node.js throws ERR_SERVER_ALREADY_LISTEN before it reads the arguments.
  const { options, listener } = server.listening ? {} : readListenArguments(args);
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
    if (isBoundByPrimary(options.exclusive)) {
      const setAccess = bindInPrimary(socket, () => listen(call));
      server.prependOnceListener("listening", () => orEmitError(server, setAccess));
      return;
    }
    bindUnixSocket(socket, () => {
      listen(call);
      return server.listening;
    });
  } catch (error) {
    failLater(server, error);
  }
}

function orEmitError(server: Server, action: () => void): void {
  try {
    action();
  } catch (error) {
    failLater(server, error);
  }
}

/** Emits an error of a system call as an event and stops listening; throws any other. */
function failLater(server: Server, error: unknown): void {
  if (!(error instanceof Error && "syscall" in error)) throw error;
  if (server.listening) server.close();
  process.nextTick(() => server.emit("error", error));
}

function checkDescriptor(fd: number): void {
  if (isListening(fd) !== false) return;
  throw listenError(
    "ENOTSOCK",
    `cannot listen on descriptor ${fd}: it is no listening socket. Have a web server, spawn-fcgi or systemd start the program, or give a port or a path`,
  );
}
