import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { RequestHead } from "../cgi/request-head.ts";
import type { RequestTransport } from "./request-transport.ts";
import { requestOf, responseOf, SocketInfo } from "./socket-info.ts";

/** The timeout of a socket: `setTimeout()` and its event, as of a connection of node:http. */
export abstract class SocketTimer extends SocketInfo {
  readonly server: Server;
  timeout: number | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #isStopped = false;

  constructor(server: Server, transport: RequestTransport, head: RequestHead) {
    super(transport, head);
    this.server = server;
  }

  override attach(req: IncomingMessage, res: ServerResponse): void {
    super.attach(req, res);
    if (this.server.timeout > 0) this.setTimeout(this.server.timeout);
  }

  setTimeout(milliseconds: number, callback?: () => void): this {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.timeout = milliseconds;
    if (milliseconds > 0 && !this.#isStopped) {
      this.#timer = setTimeout(onTimeout, milliseconds, this);
      this.#timer.unref();
      if (callback) this.once("timeout", callback);
    } else if (callback) {
      this.removeListener("timeout", callback);
    }
    return this;
  }

  /** Restarts the timeout: bytes were received or written. */
  protected refreshTimer(): void {
    if (this.#timer !== undefined) this.#timer.refresh();
  }

  /** Clears the timeout for good. */
  protected stopTimer(): void {
    this.#isStopped = true;
    if (this.#timer !== undefined) this.setTimeout(0);
  }

  /** Emits `timeout` as node:http does; without a listener on request, response or server the socket is destroyed. */
  onTimeout(): void {
    const req = requestOf(this);
    try {
      const isHeardByReq = req !== undefined && !req.complete && req.emit("timeout", this);
      const isHeardByRes = responseOf(this)?.emit("timeout", this) ?? false;
      const isHeardByServer = this.server.emit("timeout", this);
      if (!isHeardByReq && !isHeardByRes && !isHeardByServer) this.destroy();
      this.emit("timeout");
    } catch (error) {
      this.fail(error);
    }
  }

  abstract destroy(error?: Error | null): this;
  /** Fails the request because of what one of its listeners or callbacks threw. */
  abstract fail(error: unknown): void;
}

function onTimeout(socket: SocketTimer): void {
  socket.onTimeout();
}
