import type { Server } from "node:net";
import { isListening } from "./inherited-socket.ts";
import { failure } from "./socket-access.ts";
import { type ListenArguments, readListenArguments } from "./target.ts";
import {
  bindInPrimary,
  bindUnixSocket,
  checkSocketOptions,
  isBoundByPrimary,
  isFilePath,
} from "./unix-socket.ts";

/**
 * Carries out `server.listen(...args)`.
 *
 * @param listen is the method of node:net
 * @throws TypeError or RangeError if the arguments name no target, and Node's own ERR_SERVER_ALREADY_LISTEN; what
 *   the system refuses becomes an `error` event, as of node:net
 */
export function listenOn(server: Server, args: ListenArguments, listen: (args: unknown[]) => void): void {
  // Node refuses a server that listens, before it looks at anything else.
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

/** Errors of the system become an event, and the server does not listen; others are the caller's. */
function failLater(server: Server, error: unknown): void {
  if (!(error instanceof Error && "syscall" in error)) throw error;
  if (server.listening) server.close();
  process.nextTick(() => server.emit("error", error));
}

function checkDescriptor(fd: number): void {
  if (isListening(fd) !== false) return;
  throw failure(
    "ENOTSOCK",
    `cannot listen on descriptor ${fd}: it is no listening socket. Have a web server, spawn-fcgi or systemd start the program, or give a port or a path`,
  );
}
