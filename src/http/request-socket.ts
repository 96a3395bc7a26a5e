import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { RequestHead } from "../cgi/request-head.ts";
import type { FastCGISocket } from "./fastcgi-socket.ts";
import { detach, PieceBuffer } from "./piece-buffer.ts";
import { emitApart, failRequest } from "./request-failure.ts";
import type { RequestConsumer, RequestTransport } from "./request-transport.ts";
import { ResponseOutput } from "./response-output.ts";
import { restoreDrain } from "./restore-drain.ts";
import { SocketInfo } from "./socket-info.ts";
import { endsBeforeClose } from "./unread-request.ts";

type WriteCallback = (error?: Error | null) => void;

/** `ServerResponse.end()` sets `corked` here before it uncorks; nobody reads it. */
const WRITABLE_STATE = { corked: 0 };

/** What takes the place of a response that `res` cannot write; as a CGI response. */
const ERROR_HEAD =
  "Status: 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 22\r\n\r\n";
const ERROR_BODY = "Internal Server Error\n";
/** HAProxy 2.6 crashes on FCGI_STDERR now and then. */
const CRASHES_ON_STDERR = /^HAProxy [0-2]\./;

/**
 * The browser's connection, as `req.socket` and `res.socket` show it: it carries one request.
 *
 * It stands for a `net.Socket`, but is an EventEmitter with the members that node:http and the frameworks use:
 * a Duplex would cost a third of the whole request. What node:http writes into it is turned into a CGI answer,
 * gathered until the end of the tick, and handed to the transport in one piece.
 *
 * It is also where exceptions of the application stop: whatever the transport, a tick or a timer calls here that
 * can run a listener or a callback fails this request alone, and never throws.
 */
export class RequestSocket extends SocketInfo implements FastCGISocket, RequestConsumer {
  readonly server: Server;
  readable = true;
  writable = true;
  /** Bytes of the body so far. */
  bytesRead = 0;
  /** Bytes or characters that node:http wrote so far, its HTTP head included. */
  bytesWritten = 0;
  timeout: number | undefined = undefined;
  writableCorked = 0;
  readonly _writableState: { corked: number } = WRITABLE_STATE;
  readonly #output: ResponseOutput;
  #req: IncomingMessage | undefined = undefined;
  /** Takes the body from its second unread piece on. */
  #pieces: PieceBuffer | undefined = undefined;
  #isScheduled = false;
  #isConsumed = false;
  #isDumped = false;
  #isFinished = false;
  #isEnding = false;
  #isClosed = false;
  /** `clientError` was emitted for this request. */
  #isReported = false;
  #hadError = false;
  #hasFailed = false;
  #needsDrain = false;
  #callbacks: WriteCallback[] | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(server: Server, transport: RequestTransport, head: RequestHead) {
    super(transport, head);
    this.server = server;
    this.#output = new ResponseOutput(transport, head.method);
    transport.consumer = this;
  }

  /** Ties the socket to the messages it carries. */
  attach(req: IncomingMessage, res: ServerResponse): void {
    this.#req = req;
    this.res = res;
    if (this.server.timeout > 0) this.setTimeout(this.server.timeout);
  }

  /** Whether the application still reads the body: there is more to come, and somebody to take it. */
  get isReading(): boolean {
    const req = this.#req;
    return req !== undefined && !req.complete && !req.destroyed && !this.#isDumped && hasReader(req);
  }

  // Reading: `IncomingMessage` calls these two as it would on its connection.

  pause(): this {
    this.transport.pause();
    return this;
  }
  resume(): this {
    this.#isConsumed = true;
    this.transport.resume();
    return this;
  }

  onStdin(chunk: Buffer): void {
    if (this.#hasFailed) return;
    this.bytesRead += chunk.length;
    if (this.#timer !== undefined) this.#timer.refresh();
    const req = this.#req;
    if (req === undefined || req.destroyed) return;
    try {
      if (this.#pieces !== undefined || req.readableLength > 0) {
        this.#pieces ??= new PieceBuffer(
          req,
          () => this.transport.pause(),
          (error) => this.fail(error),
        );
        this.#pieces.push(chunk);
      } else if (!req.push(req.readableFlowing ? chunk : detach(chunk))) {
        this.transport.pause();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  onStdinEnd(): void {
    const req = this.#req;
    if (req === undefined || req.complete || this.#hasFailed) return;
    req.complete = true;
    try {
      this.#pieces?.end();
      if (!req.destroyed) req.push(null);
    } catch (error) {
      this.fail(error);
    }
  }

  // Writing: node:http's HTTP comes in here.

  write(
    data: string | Uint8Array,
    encoding?: BufferEncoding | WriteCallback | null,
    callback?: WriteCallback | null,
  ): boolean {
    if (typeof encoding === "function") return this.write(data, undefined, encoding);
    if (this.destroyed) {
      if (callback)
        process.nextTick(
          runCallback,
          this,
          callback,
          new Error("the request is over: nothing can be written"),
        );
      return false;
    }
    this.bytesWritten += data.length;
    if (this.#timer !== undefined) this.#timer.refresh();
    try {
      this.#output.write(data, encoding ?? "utf8");
    } catch (error) {
      this.fail(error);
      return false;
    }
    if (callback) {
      if (this.#callbacks === undefined) this.#callbacks = [callback];
      else this.#callbacks.push(callback);
    }
    this.#schedule();
    const hasRoom = this.transport.makeRoom();
    if (!hasRoom) this.#needsDrain = true;
    return hasRoom;
  }

  cork(): void {
    this.writableCorked++;
  }

  uncork(): void {
    // Once is enough: end() undoes any number of corks.
    this.writableCorked = 0;
    this.#schedule();
  }

  /** Output leaves at the end of the tick: `end()` has then been called for most answers. */
  #schedule(): void {
    if (this.#isScheduled || this.destroyed) return;
    this.#isScheduled = true;
    process.nextTick(flushSocket, this);
  }

  flush(): void {
    this.#isScheduled = false;
    if (this.destroyed) return;
    const isComplete = this.res?.writableEnded ?? false;
    if (isComplete && this.#output.isShort) {
      // Fewer bytes than Content-Length: lighttpd and HAProxy would wait for the rest.
      this.transport.flush(false);
      this.destroy();
    } else {
      this.transport.flush(isComplete);
      if (this.#isEnding && !isComplete) this.destroy();
    }
  }

  onFlushed(): void {
    if (this.#callbacks !== undefined) {
      const callbacks = this.#callbacks;
      this.#callbacks = undefined;
      if (this.transport.writableLength === 0) runCallbacks(this, callbacks);
      else this.transport.whenSent(() => runCallbacks(this, callbacks));
    }
    if (this.#output.isChunked && this.#isHeldBack) this.#needsDrain = true;
    if (this.#needsDrain && !this.transport.awaitDrain()) this.onDrain();
  }

  /**
   * Whether `res.write()` asked to wait for what node:http kept to itself: chunks that it gathers while the response
   * is corked count against the response's own mark, and have come here since.
   */
  get #isHeldBack(): boolean {
    return this.res?.writableNeedDrain === true && this.res.writableCorked === 0;
  }

  onDrain(): void {
    const res = this.res;
    if (!this.#needsDrain || this.destroyed) return;
    this.#needsDrain = false;
    try {
      this.emit("drain");
      if (res !== undefined && !res.writableEnded) restoreDrain(res, this);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Is called when `res` emits `finish`: what node:http does then for its own connections. */
  onFinish(): void {
    if (this.#isFinished || this.destroyed) return;
    this.#isFinished = true;
    const req = this.#req;
    if (this.#isScheduled) this.flush();
    if (this.#timer !== undefined) this.setTimeout(0);
    // node:http detaches it here; `res` still has to hear our `close`.
    if (this.res !== undefined) (this.res as { socket: unknown }).socket = null;
    const isUnread = req !== undefined && !this.#isConsumed;
    const isEmpty = isUnread && req.complete && req.readableLength === 0;
    // Nothing to throw away: `end` and `close` come all the same.
    if (isEmpty && endsBeforeClose) req.read();
    process.nextTick(closeSocket, this);
    const isDropped = isUnread && !hasReader(req);
    if (isDropped) this.transport.discard();
    if (isEmpty) {
      if (!endsBeforeClose) req.read();
    } else if (isDropped) {
      this.#isDumped = true;
      req.removeAllListeners("data");
      req.resume();
    }
  }

  end(data?: string | Uint8Array, encoding?: BufferEncoding, callback?: () => void): this {
    if (data !== undefined && typeof data !== "function") this.write(data, encoding, callback);
    this.#isEnding = true;
    this.#schedule();
    return this;
  }

  destroySoon(): void {
    this.end();
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  destroy(error?: Error | null): this {
    // What end() was called for leaves with this tick: node:http has written it by now.
    if (this.destroyed || (this.#isScheduled && this.res?.writableEnded && !this.#output.isShort))
      return this;
    this.#shut(() => error ?? destroyedError());
    this.transport.abort();
    if (error) process.nextTick(emitError, this, error);
    // As late as the `close` of a net.Socket, which waits for its handle.
    setImmediate(closeDestroyed, this);
    return this;
  }

  onAbort(error?: Error, isReported = false): void {
    if (this.destroyed) return;
    if (isReported) this.#isReported = true;
    const isUnread = this.#isFinished && !this.isReading;
    const isCut = !isUnread && this.#req !== undefined && !this.#req.complete;
    // As node:http has it: a reset closes the socket, the end of the connection in mid-body leaves it to the listener.
    if (error !== undefined || !isCut) {
      this.#shut();
      if (error !== undefined && !isUnread) this.emitError(error);
    } else {
      const cutError = uploadCutError();
      this.#reportError(cutError);
      if (this.destroyed) return;
      this.#shut();
      if (!this.#isEnding) this.emitError(cutError);
    }
    this.close(true);
  }

  #reportError(error: Error): void {
    if (this.#isReported) return;
    this.#isReported = true;
    emitApart(this.server, "clientError", error, this);
  }

  /** Emits an error, which needs no listener, and tells the server of the first one. */
  emitError(error: Error): void {
    this.#hadError = true;
    this.#reportError(error);
    try {
      if (this.listenerCount("error") > 0) this.emit("error", error);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /** @param makeError gives the error for what was written and has not left */
  #shut(makeError: () => Error = resetError): void {
    this.destroyed = true;
    this.readable = false;
    this.writable = false;
    if (this.#timer !== undefined) this.setTimeout(0);
    const callbacks = this.#callbacks;
    this.#callbacks = undefined;
    if (callbacks !== undefined && !this.res?.writableEnded) {
      for (const callback of callbacks) process.nextTick(runCallback, this, callback, makeError());
    }
  }

  /** Tells the application that the connection is over; `isAborted`: before the answer was. */
  close(isAborted: boolean): void {
    const req = this.#req;
    if (isAborted && req !== undefined && (!this.#isFinished || !req.complete)) req.destroy(resetError());
    if (!isAborted && (req?.complete || this.#hasFailed)) {
      this.destroyed = true;
      this.readable = false;
      this.writable = false;
      // Who still waits for the body of a failed request hears that it ends here.
      if (this.#hasFailed && !req?.readableEnded) req?.destroy(resetError());
    }
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      // `res` hears it by its own listener, set by assignSocket().
      this.emit("close", this.#hadError);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Fails the request because of what one of its listeners or callbacks threw. */
  fail(error: unknown): void {
    const { res } = this;
    if (this.#req === undefined || res === undefined) return;
    failRequest(this.server, error, this.#req, res);
  }

  /** Does what `finish` is heard for, where a listener that came before ours threw. */
  finishFailed(): void {
    if (this.#hasFailed && this.res?.writableFinished) this.onFinish();
  }

  get sharesStderr(): boolean {
    return this.transport.sharesStderr ?? false;
  }

  stopDelivery(): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.transport.resume();
  }

  endWithError(): void {
    if (this.destroyed) return;
    if (this.#output.isHeadWritten) {
      this.destroy();
      return;
    }
    this.#shut();
    this.transport.write(this.head.method === "HEAD" ? ERROR_HEAD : ERROR_HEAD + ERROR_BODY, "latin1");
    this.transport.flush(true);
    // As late as the `close` of a net.Socket, which waits for its handle.
    setImmediate(closeDestroyed, this);
  }

  logError(text: string): void {
    if (!CRASHES_ON_STDERR.test(this.head.serverSoftware))
      this.transport.writeStderr(Buffer.from(text), ignore);
  }

  setTimeout(milliseconds: number, callback?: () => void): this {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.timeout = milliseconds;
    if (milliseconds > 0 && !this.#isFinished && !this.destroyed) {
      this.#timer = setTimeout(onTimeout, milliseconds, this);
      this.#timer.unref();
      if (callback) this.once("timeout", callback);
    } else if (callback) {
      this.removeListener("timeout", callback);
    }
    return this;
  }

  /** Does what node:http does when its connection has been idle for too long. */
  onTimeout(): void {
    try {
      const isHeardByReq = this.#req !== undefined && !this.#req.complete && this.#req.emit("timeout", this);
      const isHeardByRes = this.res?.emit("timeout", this) ?? false;
      const isHeardByServer = this.server.emit("timeout", this);
      if (!isHeardByReq && !isHeardByRes && !isHeardByServer) this.destroy();
      this.emit("timeout");
    } catch (error) {
      this.fail(error);
    }
  }
}

/** Whether somebody takes the body as it comes, or will when there is room for it: a pipe, a listener, a loop. */
function hasReader(req: IncomingMessage): boolean {
  return req.readableFlowing === true || req.listenerCount("data") > 0 || req.listenerCount("readable") > 0;
}

function ignore(): void {}

function flushSocket(socket: RequestSocket): void {
  socket.flush();
}

function closeSocket(socket: RequestSocket): void {
  if (!socket.destroyed) socket.close(false);
}

function emitError(socket: RequestSocket, error: Error): void {
  socket.emitError(error);
}

function closeDestroyed(socket: RequestSocket): void {
  socket.close(true);
}

function onTimeout(socket: RequestSocket): void {
  socket.onTimeout();
}

function runCallbacks(socket: RequestSocket, callbacks: WriteCallback[]): void {
  for (const callback of callbacks) runCallback(socket, callback);
  socket.finishFailed();
}

function runCallback(socket: RequestSocket, callback: WriteCallback, error?: Error): void {
  try {
    if (error === undefined) callback();
    else callback(error);
  } catch (thrown) {
    socket.fail(thrown);
  }
}

/** The error of node:http's parser when a connection ends in mid-body. */
function uploadCutError(): Error {
  return Object.assign(new Error("Parse Error: Invalid EOF state"), {
    code: "HPE_INVALID_EOF_STATE",
    reason: "Invalid EOF state",
  });
}

/** The error that node:http gives to a request whose connection went. */
function resetError(): Error {
  return Object.assign(new Error("aborted"), { code: "ECONNRESET" });
}

/** The error that a stream gives to what it had not written when it was destroyed. */
function destroyedError(): Error {
  return Object.assign(new Error("Cannot call write after a stream was destroyed"), {
    code: "ERR_STREAM_DESTROYED",
  });
}
