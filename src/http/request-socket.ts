import type { Server } from "node:http";
import { crashesOnStderr } from "../cgi/front-ends.ts";
import type { RequestHead } from "../cgi/request-head.ts";
import type { FastCGISocket } from "./fastcgi-socket.ts";
import { plainTextResponse } from "./plain-text.ts";
import { emitApart, failRequest } from "./request-failure.ts";
import type { RequestConsumer, RequestTransport } from "./request-transport.ts";
import { destroyedError, resetError, uploadCutError } from "./socket-errors.ts";
import { headOf, requestOf, responseOf, transportOf } from "./socket-info.ts";
import { SocketOutput } from "./socket-output.ts";

/** The error response if `res` cannot write one. */
const ERROR_RESPONSE = plainTextResponse(500, "Internal Server Error\n");
const ERROR_HEAD = ERROR_RESPONSE.slice(0, ERROR_RESPONSE.indexOf("\r\n\r\n") + 4);

/**
 * `req.socket` and `res.socket`: the client's connection, which carries one request.
 *
 * It stands for a `net.Socket`, but is an EventEmitter with the members that node:http and the frameworks use; a
 * Duplex would cost a third of the whole request. Its parts, each a class that extends the one before: {@link
 * SocketInfo} (what the web server says of the connection), {@link SocketTimer}, {@link SocketInput}, {@link
 * SocketOutput}, and here the ways in which a request ends:
 *
 *     response finished          onFinish() ─→ next tick: close(false)
 *     destroy(), endWithError()  shut()     ─→ setImmediate: close(true)
 *     the transport aborts       onAbort()  ─→ shut() and close(true)
 *
 * After `close(false)` the socket is not destroyed while the application still reads the body; the end of the body does
 * not change it. `close` is emitted once.
 *
 * Exceptions of the application stop here. Listeners and callbacks run when a transport, a tick or a timer calls one of
 * these methods; none of them throws, and an exception fails this request only.
 */
export class RequestSocket extends SocketOutput implements FastCGISocket, RequestConsumer {
  #isFinished = false;
  #isClosed = false;
  /** Whether `clientError` was emitted for this request. */
  #isReported = false;
  #hadError = false;

  constructor(server: Server, transport: RequestTransport, head: RequestHead) {
    super(server, transport, head);
    transport.consumer = this;
  }

  /** Called when `res` emits `finish`; does what node:http does then for its own connections. */
  onFinish(): void {
    if (this.#isFinished || this.destroyed) return;
    this.#isFinished = true;
    this.flushScheduled();
    this.stopTimer();
    // node:http detaches the socket here, but `res` has to get its `close`.
    const res: { socket: unknown } | undefined = responseOf(this);
    if (res !== undefined) res.socket = null;
    this.endInput();
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  destroy(error?: Error | null): this {
    // A response that was ended in this tick still leaves: node:http would have written it by now.
    if (this.destroyed || this.isCompleting) return this;
    this.#shut(() => error ?? destroyedError());
    transportOf(this).abort();
    if (error) process.nextTick(emitError, this, error);
    // `close` comes as late as that of a net.Socket, which waits for its handle.
    setImmediate(closeDestroyed, this);
    return this;
  }

  onAbort(error?: Error, isReported = false): void {
    if (this.destroyed) return;
    if (isReported) this.#isReported = true;
    const req = requestOf(this);
    const isUnread = this.#isFinished && !this.isReading;
    const isCut = !isUnread && req !== undefined && !req.complete;
    // As in node:http: a reset closes the socket; if the connection ends within the body, a `clientError` listener may
    // destroy it first.
    if (error !== undefined || !isCut) {
      this.#shut();
      if (error !== undefined && !isUnread) this.emitError(error);
    } else {
      const cutError = uploadCutError();
      this.#reportError(cutError);
      if (this.destroyed) return;
      this.#shut();
      if (!this.isEnding) this.emitError(cutError);
    }
    this.close(true);
  }

  #reportError(error: Error): void {
    if (this.#isReported) return;
    this.#isReported = true;
    emitApart(this.server, "clientError", error, this);
  }

  /** Emits `error`, which needs no listener; the first one is also emitted by the server as `clientError`. */
  emitError(error: Error): void {
    this.#hadError = true;
    this.#reportError(error);
    try {
      if (this.listenerCount("error") > 0) this.emit("error", error);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /**
   * Destroys the socket without events.
   *
   * @param makeError creates the error for callbacks of what was written and has not been flushed
   */
  #shut(makeError: () => Error = resetError): void {
    this.destroyed = true;
    this.readable = false;
    this.writable = false;
    this.stopTimer();
    this.rejectCallbacks(makeError);
  }

  /** Emits `close`, and destroys what is left of the request; `isAborted`: before the response was complete. */
  close(isAborted: boolean): void {
    const req = requestOf(this);
    if (isAborted && req !== undefined && (!this.#isFinished || !req.complete)) req.destroy(resetError());
    if (!isAborted && (req?.complete || this.isDeliveryStopped)) {
      this.destroyed = true;
      this.readable = false;
      this.writable = false;
      // The body of a failed request is not delivered: its readers get an error.
      if (this.isDeliveryStopped && !req?.readableEnded) req?.destroy(resetError());
    }
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      // Closes `res`, too: assignSocket() has added a listener for that.
      this.emit("close", this.#hadError);
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error: unknown): void {
    const req = requestOf(this);
    const res = responseOf(this);
    if (req !== undefined && res !== undefined) failRequest(this.server, error, req, res);
  }

  finishFailed(): void {
    if (this.isDeliveryStopped && responseOf(this)?.writableFinished) this.onFinish();
  }

  /** Whether the web server's error log is the stderr of this process. */
  get sharesStderr(): boolean {
    return transportOf(this).sharesStderr ?? false;
  }

  /** Sends an error response in place of that of `res`; destroys the socket if the head of that is written. */
  endWithError(): void {
    if (this.destroyed) return;
    if (this.isHeadWritten) {
      this.destroy();
      return;
    }
    this.#shut();
    transportOf(this).writeHTTP(headOf(this).method === "HEAD" ? ERROR_HEAD : ERROR_RESPONSE, "latin1");
    transportOf(this).flush(true);
    setImmediate(closeDestroyed, this);
  }

  /** Writes to the web server's error log. */
  logError(text: string): void {
    if (!crashesOnStderr(headOf(this).serverSoftware))
      transportOf(this).writeStderr(Buffer.from(text), ignore);
  }
}

function ignore(): void {}

function emitError(socket: RequestSocket, error: Error): void {
  socket.emitError(error);
}

function closeDestroyed(socket: RequestSocket): void {
  socket.close(true);
}
