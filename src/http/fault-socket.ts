import { type Server, STATUS_CODES } from "node:http";
import type { RequestHead } from "../cgi/request-head.ts";
import type { FastCGISocket } from "./fastcgi-socket.ts";
import type { RequestConsumer, RequestTransport } from "./request-transport.ts";
import { ResponseOutput } from "./response-output.ts";
import { headOf, SocketInfo, transportOf } from "./socket-info.ts";

type Callback = (error?: Error | null) => void;

/** Milliseconds that `clientError` listeners have for a response if the server has no `headersTimeout`. */
const DEFAULT_TIMEOUT = 30_000;

/**
 * The socket that `clientError` listeners get for a request that is not passed to the application. It stands for this
 * request only; other requests of the connection go on.
 *
 * What is written is buffered until `end()` or `destroy()`, and sent as the response. If it is not a complete HTTP
 * response head, the response is a status without a body.
 */
export class FaultSocket extends SocketInfo implements FastCGISocket, RequestConsumer {
  readonly server: Server;
  readable = true;
  writable = true;
  writableEnded = false;
  bytesRead = 0;
  bytesWritten = 0;
  readonly #statusCode: number;
  readonly #pieces: Uint8Array[] = [];
  #callbacks: Callback[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param statusCode of the response if listeners do not write one */
  constructor(server: Server, transport: RequestTransport, head: RequestHead, statusCode: number) {
    super(transport, head);
    this.server = server;
    this.#statusCode = statusCode;
    transport.consumer = this;
  }

  /** Sends the response, unless it was sent already. */
  respond(): void {
    if (!this.writableEnded) this.#end();
  }

  /** Sends the response after `headersTimeout` if no listener does, so that the request does not stay open. */
  awaitListener(): void {
    if (this.writableEnded || this.destroyed) return;
    const delay = this.server.headersTimeout || DEFAULT_TIMEOUT;
    this.#timer = setTimeout(() => this.respond(), delay);
    this.#timer.unref();
  }

  write(
    data: string | Uint8Array,
    encoding?: BufferEncoding | Callback | null,
    callback?: Callback,
  ): boolean {
    if (typeof encoding === "function") return this.write(data, undefined, encoding);
    if (!this.writable) {
      if (callback) process.nextTick(callback, new Error("the response is over: nothing can be written"));
      return false;
    }
    const bytes = typeof data === "string" ? Buffer.from(data, encoding ?? "utf8") : Buffer.from(data);
    this.bytesWritten += bytes.length;
    this.#pieces.push(bytes);
    if (callback) this.#callbacks.push(callback);
    return true;
  }

  end(
    data?: string | Uint8Array | Callback | null,
    encoding?: BufferEncoding | Callback | null,
    callback?: Callback,
  ): this {
    const last = [data, encoding, callback].find((argument) => typeof argument === "function");
    if (data !== undefined && data !== null && typeof data !== "function") {
      this.write(data, typeof encoding === "function" ? undefined : encoding);
    }
    if (last !== undefined) this.#callbacks.push(last);
    this.respond();
    return this;
  }

  destroy(error?: Error | null): this {
    if (this.destroyed) return this;
    this.respond();
    if (error) process.nextTick(emitError, this, error);
    return this;
  }

  destroySoon(): void {
    this.destroy();
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  /** Has no effect: the time for a response is that of {@link awaitListener}. */
  setTimeout(): this {
    return this;
  }

  cork(): void {}
  uncork(): void {}
  pause(): this {
    return this;
  }
  resume(): this {
    return this;
  }

  #end(): void {
    this.#close();
    const transport = transportOf(this);
    if (!this.#writeBuffered()) {
      transport.write(`Status: ${this.#statusCode} ${STATUS_CODES[this.#statusCode]}\r\n\r\n`, "latin1");
    }
    transport.flush(true);
  }

  /** @returns false if what was written is not a complete HTTP response head */
  #writeBuffered(): boolean {
    let text = Buffer.concat(this.#pieces)
      .toString("latin1")
      .replace(/^HTTP\/1\.0 /, "HTTP/1.1 ");
    if (headOf(this).method === "HEAD") {
      const end = text.indexOf("\r\n\r\n");
      if (end !== -1) text = text.slice(0, end + 4);
    }
    const output = new ResponseOutput(transportOf(this), headOf(this).method);
    try {
      output.write(text, "latin1");
    } catch {
      return false;
    }
    return output.isHeadWritten;
  }

  /** @param error for the callbacks of what was written and cannot be sent */
  #close(error?: Error): void {
    clearTimeout(this.#timer);
    this.writableEnded = true;
    this.writable = false;
    this.readable = false;
    this.destroyed = true;
    // Each in a tick of its own: an exception becomes an `uncaughtException`, and the others still run.
    for (const callback of this.#callbacks) process.nextTick(callback, error);
    process.nextTick(emitClose, this);
    this.#callbacks = [];
  }

  onAbort(): void {
    if (this.destroyed) return;
    this.#close(new Error("the request was aborted before its response"));
  }

  // The body is dropped, and the output is too small to wait for `drain`.
  onStdin(): void {}
  onStdinEnd(): void {}
  onFlushed(): void {}
  onDrain(): void {}
}

function emitError(socket: FaultSocket, error: Error): void {
  if (socket.listenerCount("error") > 0) socket.emit("error", error);
}

function emitClose(socket: FaultSocket): void {
  socket.emit("close", false);
}
