import { Socket } from "node:net";
import type { FastCGIRequestListener } from "../http/fastcgi-socket.ts";
import type { FastCGIServerOptions } from "./options.ts";
import { FastCGIServer } from "./server.ts";

/**
 * A server that shows the connections of web servers. Its `connection` event does not: listeners get the socket of
 * each request. Internal, and for tests.
 */
export class WatchedServer extends FastCGIServer {
  readonly #onConnection: (connection: Socket) => void;

  /** @param onConnection called with each connection of a web server, before it is served */
  constructor(
    options: FastCGIServerOptions,
    listener: FastCGIRequestListener,
    onConnection: (connection: Socket) => void,
  ) {
    super(options, listener);
    this.#onConnection = onConnection;
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const [socket] = args;
    if (event === "connection" && socket instanceof Socket) this.#onConnection(socket);
    return super.emit(event, ...args);
  }
}
