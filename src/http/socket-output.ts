import type { Server } from "node:http";
import type { RequestHead } from "../cgi/request-head.ts";
import type { RequestTransport } from "./request-transport.ts";
import { ResponseOutput } from "./response-output.ts";
import { restoreDrain } from "./restore-drain.ts";
import { responseOf, transportOf } from "./socket-info.ts";
import { SocketInput } from "./socket-input.ts";

type WriteCallback = (error?: Error | null) => void;

/** `ServerResponse.end()` sets `corked` before it uncorks. The value is never read. */
const WRITABLE_STATE = { corked: 0 };

/**
 * The writing side of a socket: what node:http writes is turned into a CGI response and queued in the transport, and
 * flushed once at the end of the tick, when `res.end()` has been called for most responses.
 */
export abstract class SocketOutput extends SocketInput {
  writable = true;
  bytesWritten = 0;
  writableCorked = 0;
  readonly _writableState: { corked: number } = WRITABLE_STATE;
  readonly #output: ResponseOutput;
  #isScheduled = false;
  #isEnding = false;
  #needsDrain = false;
  /** Of writes that have not been flushed. */
  #callbacks: WriteCallback[] | undefined = undefined;

  constructor(server: Server, transport: RequestTransport, head: RequestHead) {
    super(server, transport, head);
    this.#output = new ResponseOutput(transport, head.method);
  }

  write(
    data: string | Uint8Array,
    encoding?: BufferEncoding | WriteCallback | null,
    callback?: WriteCallback | null,
  ): boolean {
    if (typeof encoding === "function") return this.write(data, undefined, encoding);
    if (this.destroyed) {
      if (callback) {
        process.nextTick(runCallback, this, callback, overError());
      }
      return false;
    }
    this.bytesWritten += data.length;
    this.refreshTimer();
    try {
      this.#output.write(data, encoding ?? "utf8");
    } catch (error) {
      this.fail(error);
      return false;
    }
    if (callback) this.#addCallback(callback);
    this.#schedule();
    const hasRoom = transportOf(this).makeRoom();
    if (!hasRoom) this.#needsDrain = true;
    return hasRoom;
  }

  #addCallback(callback: WriteCallback): void {
    if (this.#callbacks === undefined) this.#callbacks = [callback];
    else this.#callbacks.push(callback);
  }

  cork(): void {
    this.writableCorked++;
  }

  uncork(): void {
    // One call undoes any number of corks: res.end() calls it once.
    this.writableCorked = 0;
    this.#schedule();
  }

  end(
    data?: string | Uint8Array | WriteCallback | null,
    encoding?: BufferEncoding | WriteCallback | null,
    callback?: WriteCallback,
  ): this {
    if (typeof data === "function") return this.end(undefined, undefined, data);
    if (typeof encoding === "function") return this.end(data, undefined, encoding);
    if (data !== undefined && data !== null) {
      this.write(data, encoding, callback);
    } else if (callback !== undefined) {
      if (this.destroyed) process.nextTick(runCallback, this, callback, overError());
      else this.#addCallback(callback);
    }
    this.#isEnding = true;
    this.#schedule();
    return this;
  }

  destroySoon(): void {
    this.end();
  }

  #schedule(): void {
    if (this.#isScheduled || this.destroyed) return;
    this.#isScheduled = true;
    process.nextTick(flushSocket, this);
  }

  flush(): void {
    this.#isScheduled = false;
    if (this.destroyed) return;
    const isComplete = responseOf(this)?.writableEnded ?? false;
    if (isComplete && this.#output.isShort) {
      // Fewer bytes than Content-Length: lighttpd and HAProxy would wait for the rest.
      transportOf(this).flush(false);
      this.destroy();
    } else {
      transportOf(this).flush(isComplete);
      if (this.#isEnding && !isComplete) this.destroy();
    }
  }

  onFlushed(): void {
    if (this.#callbacks !== undefined) {
      const callbacks = this.#callbacks;
      this.#callbacks = undefined;
      if (transportOf(this).writableLength === 0) runCallbacks(this, callbacks);
      else transportOf(this).whenSent(() => runCallbacks(this, callbacks));
    }
    if (this.#output.isChunked && this.#isHeldBack) this.#needsDrain = true;
    if (this.#needsDrain && !transportOf(this).awaitDrain()) this.onDrain();
  }

  /**
   * Whether `res.write()` returned false because of chunks that node:http gathered while the response was corked. They
   * count against the mark of the response, and have been written to the socket since.
   */
  get #isHeldBack(): boolean {
    const res = responseOf(this);
    return res?.writableNeedDrain === true && res.writableCorked === 0;
  }

  onDrain(): void {
    const res = responseOf(this);
    if (!this.#needsDrain || this.destroyed) return;
    this.#needsDrain = false;
    try {
      this.emit("drain");
      if (res !== undefined && !res.writableEnded) restoreDrain(res, this);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Flushes now instead of at the end of the tick. */
  protected flushScheduled(): void {
    if (this.#isScheduled) this.flush();
  }

  /** Whether a complete response leaves with this tick. */
  protected get isCompleting(): boolean {
    return this.#isScheduled && responseOf(this)?.writableEnded === true && !this.#output.isShort;
  }

  /** Whether `end()` was called on the socket. */
  protected get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Whether the head of the response is queued: no other response can be sent. */
  protected get isHeadWritten(): boolean {
    return this.#output.isHeadWritten;
  }

  /** Fails the callbacks of what was written and has not been flushed, unless the response was ended. */
  protected rejectCallbacks(makeError: () => Error): void {
    const callbacks = this.#callbacks;
    this.#callbacks = undefined;
    if (callbacks === undefined || responseOf(this)?.writableEnded) return;
    for (const callback of callbacks) process.nextTick(runCallback, this, callback, makeError());
  }

  /** Does what `finish` of the response triggers, if a listener before ours threw. */
  abstract finishFailed(): void;
}

function overError(): Error {
  return new Error("the request is over: nothing can be written");
}

function flushSocket(socket: SocketOutput): void {
  socket.flush();
}

function runCallbacks(socket: SocketOutput, callbacks: WriteCallback[]): void {
  for (const callback of callbacks) runCallback(socket, callback);
  socket.finishFailed();
}

function runCallback(socket: SocketOutput, callback: WriteCallback, error?: Error): void {
  try {
    if (error === undefined) callback();
    else callback(error);
  } catch (thrown) {
    socket.fail(thrown);
  }
}
