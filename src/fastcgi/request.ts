import { toStatusField } from "../cgi/response-head.ts";
import { ApplicationRequest } from "../connection/application-request.ts";
import type { RequestConsumer, RequestTransport } from "../http/request-transport.ts";
import type { FastCGIConnection } from "./connection.ts";

/** Bytes that are worth a write of their own in mid-tick. */
const WORTH_SENDING = 98304;
/** Bytes that a request may queue while the operating system takes all it is given. */
const MAX_QUEUED_LENGTH = 262144;

type StderrCallback = (error?: Error | null) => void;

/** Whether text of this encoding can wait as it is; of others it is decoded when it is written. */
function canWait(encoding: BufferEncoding): boolean {
  return encoding === "utf8" || encoding === "latin1" || encoding === "utf-8" || encoding === "binary";
}

/**
 * One request of a {@link FastCGIConnection}, and its output that waits to be sent.
 *
 * Output is one string (most answers: head and body in one), and chunks behind it.
 */
export class FastCGIRequest extends ApplicationRequest implements RequestTransport {
  readonly connection: FastCGIConnection;
  consumer: RequestConsumer | undefined = undefined;
  text = "";
  textEncoding: BufferEncoding = "latin1";
  chunks: Uint8Array[] | undefined = undefined;
  /** Whether `text` begins with `HTTP/1.1 `, which goes out as `Status: `. */
  isHTTP = false;
  /** Bytes, or characters of `text`, that are queued here. */
  queuedLength = 0;
  /** The answer is whole: FCGI_END_REQUEST follows what is queued, unless it has to wait. */
  isComplete = false;
  /** FCGI_END_REQUEST has to wait for the end of STDIN. */
  endsAfterStdin = false;
  /** Has output left that waits for its turn. */
  isWaiting = false;
  /** Is among those who wait for a turn: to send, or to hear that there is room. */
  isQueued = false;
  /** More is to follow at once: nobody is told that the queue is empty. */
  isHolding = false;
  hasStdout = false;
  hasStderr = false;
  /** Is told when the last of STDERR has left; the next is written then. */
  stderrCallback: StderrCallback | undefined = undefined;
  isPaused = false;
  /** Takes one of `maxRequests`. */
  isCounted = false;
  /** Nobody reads STDIN any more. */
  isDiscarded = false;
  /** Bytes of STDIN that were given to the consumer while it had asked for none. */
  bufferedStdin = 0;
  /** Bytes of STDIN that CONTENT_LENGTH still announces, or -1 if it says nothing. */
  stdinRemaining = -1;
  /** The number of the server's clock tick when STDIN last moved. */
  stdinTick = 0;
  startTick = 0;
  appStatus = 0;

  constructor(connection: FastCGIConnection, requestId: number, role: number, keepConn: boolean) {
    super(requestId, role, keepConn);
    this.connection = connection;
  }

  /** Whether FCGI_END_REQUEST may follow what is queued. */
  get mayEnd(): boolean {
    return this.isComplete && (!this.endsAfterStdin || this.stdinEnded);
  }

  /** Whether STDIN is to come, as far as is known. */
  get awaitsStdin(): boolean {
    return this.paramsEnded && !this.stdinEnded && this.stdinRemaining !== 0;
  }

  /** Whether STDIN is to come to an application that has answered already. */
  get isReadOn(): boolean {
    return this.isEnded && this.awaitsStdin && !this.isDiscarded && this.consumer?.isReading === true;
  }

  get writableLength(): number {
    return this.queuedLength + this.connection.socket.writableLength;
  }

  get highWaterMark(): number {
    return this.connection.output.highWaterMark;
  }

  writeHTTP(text: string, encoding: BufferEncoding): void {
    if (this.chunks === undefined && this.text === "" && canWait(encoding)) {
      this.write(text, encoding);
      this.isHTTP = this.text !== "";
    } else {
      this.write(toStatusField(text), encoding);
    }
  }

  write(data: string | Uint8Array, encoding: BufferEncoding): void {
    if (this.isEnded || this.isComplete || data.length === 0) return;
    if (typeof data === "string" && this.chunks === undefined && this.text === "" && canWait(encoding)) {
      this.text = data;
      this.textEncoding = encoding;
      this.queuedLength = data.length;
      return;
    }
    const bytes = typeof data === "string" ? Buffer.from(data, encoding) : data;
    if (this.chunks === undefined) this.chunks = [bytes];
    else this.chunks.push(bytes);
    this.queuedLength += bytes.length;
  }

  /** Turns `text`, if there is one, into the first of `chunks`. */
  takeText(): Uint8Array[] {
    this.chunks ??= [];
    if (this.text !== "") {
      const bytes = Buffer.from(this.isHTTP ? toStatusField(this.text) : this.text, this.textEncoding);
      this.isHTTP = false;
      this.chunks.unshift(bytes);
      this.queuedLength += bytes.length - this.text.length;
      this.text = "";
    }
    return this.chunks;
  }

  makeRoom(): boolean {
    const { socket } = this.connection;
    if (this.queuedLength + socket.writableLength < this.highWaterMark) return true;
    if (this.isWaiting || socket.writableLength > 0) return false;
    const { chunks } = this;
    const last = chunks?.at(-1);
    if (chunks !== undefined && last !== undefined && this.queuedLength - last.length >= WORTH_SENDING) {
      // As long as the operating system takes all at once, nobody has to wait for `drain`.
      chunks.pop();
      this.queuedLength -= last.length;
      this.isHolding = true;
      this.connection.output.flush(this);
      this.isHolding = false;
      this.write(last, "latin1");
    }
    return this.queuedLength < MAX_QUEUED_LENGTH && socket.writableLength === 0;
  }

  awaitDrain(): boolean {
    return this.connection.output.awaitDrain(this);
  }

  flush(isComplete: boolean): void {
    if (this.isEnded) return;
    if (isComplete) {
      // What the application wrote before the end leaves before it.
      if (this.stderrCallback !== undefined) this.#hurryStderr();
      this.isComplete = true;
    }
    this.connection.output.flush(this);
  }

  whenSent(callback: () => void): void {
    this.connection.output.whenSent(callback);
  }

  writeStderr(chunk: Uint8Array, callback: StderrCallback): void {
    const { output, socket } = this.connection;
    if (this.isEnded || !socket.writable) {
      callback(new Error("the request is over: nothing can be written to its stderr"));
      return;
    }
    this.stderrCallback = callback;
    output.writeStderr(this, chunk, (error) => {
      if (this.stderrCallback === callback) this.#settleStderr(error);
    });
  }

  #settleStderr(error?: Error | null): void {
    const callback = this.stderrCallback;
    this.stderrCallback = undefined;
    callback?.(error);
  }

  #hurryStderr(): void {
    while (this.stderrCallback !== undefined) this.#settleStderr();
  }

  discard(): void {
    this.connection.discard(this);
  }

  pause(): void {
    this.connection.pause(this);
  }

  resume(): void {
    this.connection.resume(this);
  }

  abort(): void {
    this.connection.abortRequest(this);
  }
}
