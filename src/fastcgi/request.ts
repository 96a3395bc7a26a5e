import type { RequestTransport } from "../http/request-transport.ts";
import { StdoutQueue } from "./stdout-queue.ts";

/** Queued bytes from which on a write of their own in the middle of a tick pays. */
const WORTH_SENDING = 98304;
/** Bytes that a request may queue while the kernel takes all that it is given. */
const MAX_QUEUED_LENGTH = 262144;

type StderrCallback = (error?: Error | null) => void;

/** What a request needs of the output of its connection. */
export interface RequestOutput {
  readonly highWaterMark: number;
  readonly length: number;
  readonly isWritable: boolean;
  flush(request: FastCGIRequest): void;
  awaitDrain(request: FastCGIRequest): boolean;
  whenSent(callback: () => void): void;
  writeStderr(requestId: number, chunk: Uint8Array, callback: StderrCallback): void;
}

/** What a request, and whoever holds one, needs of its connection. */
export interface RequestConnection {
  readonly output: RequestOutput;
  /** Reads STDIN of a paused request again. */
  resume(request: FastCGIRequest): void;
  /** Nobody will read the rest of STDIN. */
  onDiscard(request: FastCGIRequest): void;
  /** Ends a request so that its response does not look complete. */
  abortRequest(request: FastCGIRequest): void;
  /** Ends a request because of what the web server sent, and the connection if it carries no other request. */
  failRequest(request: FastCGIRequest, error: Error): void;
  /** Drops a request whose response is complete, although STDIN has not ended. */
  letGo(request: FastCGIRequest, error?: Error): void;
}

/**
 * One request of a FastCGI connection, as a transport for Node's `req` and `res`.
 *
 * The object has four classes, each with fields that it alone writes: what was received (ApplicationRequest), what is
 * expected and read (RequestInput), what is queued (StdoutQueue), and here the way to the connection.
 */
export class FastCGIRequest extends StdoutQueue implements RequestTransport {
  readonly connection: RequestConnection;
  /** Written by the output scheduler, as is `isQueued`. */
  isWaiting = false;
  isQueued = false;
  /** Counts towards `maxRequests`. Written by the server. */
  isCounted = false;
  /** More output follows at once: the consumer is not notified of an empty queue. */
  #isHolding = false;
  /** Of the last chunk of STDERR, until it has left. */
  #stderrCallback: StderrCallback | undefined = undefined;

  /** @param tick of the server's clock */
  constructor(
    connection: RequestConnection,
    requestId: number,
    role: number,
    keepConn: boolean,
    tick: number,
  ) {
    super(requestId, role, keepConn, tick);
    this.connection = connection;
  }

  resume(): void {
    this.connection.resume(this);
  }

  discard(): void {
    this.ignoreStdin();
    this.connection.onDiscard(this);
  }

  get writableLength(): number {
    return this.queuedLength + this.connection.output.length;
  }

  get highWaterMark(): number {
    return this.connection.output.highWaterMark;
  }

  makeRoom(): boolean {
    const { output } = this.connection;
    if (this.queuedLength + output.length < output.highWaterMark) return true;
    if (this.isWaiting || output.length > 0) return false;
    const last = this.popChunk(WORTH_SENDING);
    if (last !== undefined) {
      // As long as the kernel takes all at once, the application need not wait for `drain`.
      this.#isHolding = true;
      output.flush(this);
      this.#isHolding = false;
      this.write(last, "latin1");
    }
    return this.queuedLength < MAX_QUEUED_LENGTH && output.length === 0;
  }

  awaitDrain(): boolean {
    return this.connection.output.awaitDrain(this);
  }

  flush(isComplete: boolean): void {
    if (this.isEnded) return;
    if (isComplete) {
      // STDERR that was written before the end of the response is sent before it.
      while (this.#stderrCallback !== undefined) this.#settleStderr();
      this.complete();
    }
    this.connection.output.flush(this);
  }

  onFlushed(): void {
    if (!this.#isHolding) this.consumer?.onFlushed();
  }

  onDrain(): void {
    this.consumer?.onDrain();
  }

  whenSent(callback: () => void): void {
    this.connection.output.whenSent(callback);
  }

  writeStderr(chunk: Uint8Array, callback: StderrCallback): void {
    const { output } = this.connection;
    if (this.isEnded || !output.isWritable) {
      callback(new Error("the request is over: nothing can be written to its stderr"));
      return;
    }
    this.#stderrCallback = callback;
    if (chunk.length > 0) this.hasStderr = true;
    output.writeStderr(this.requestId, chunk, (error) => {
      if (this.#stderrCallback === callback) this.#settleStderr(error);
    });
  }

  #settleStderr(error?: Error | null): void {
    const callback = this.#stderrCallback;
    this.#stderrCallback = undefined;
    callback?.(error);
  }

  abort(): void {
    this.connection.abortRequest(this);
  }
}
