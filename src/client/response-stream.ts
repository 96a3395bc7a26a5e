import { Readable } from "node:stream";
import { ContentQueue } from "./content-queue.ts";

/** Bytes of a stream that are buffered unread before its connection is paused, or FCGI_STDERR is dropped. */
const MAX_BUFFERED = 65536;

/**
 * FCGI_STDOUT or FCGI_STDERR of one request, as a stream for the caller.
 *
 * Content is pushed in a later tick, not while the records of the connection are parsed: an exception of a listener
 * must not interrupt the parser or other requests. It destroys this stream, so that the request does not wait for a
 * reader that is gone.
 */
abstract class ResponseStream extends Readable {
  readonly #queue: ContentQueue = new ContentQueue();
  /** Whether the reader asked for content that it has not got. */
  #isWanted = true;
  #hasEnded = false;
  #isScheduled = false;

  constructor() {
    // Content is buffered in the queue, which joins small pieces, not in the Readable.
    super({ highWaterMark: 1 });
  }

  /** Whether the first piece of the queue is about to be pushed. */
  protected get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Bytes that are buffered. */
  protected get bufferedLength(): number {
    return this.#queue.length + this.readableLength;
  }

  protected enqueue(content: Buffer): void {
    if (this.destroyed) return;
    this.#queue.add(content);
    this.#schedule();
  }

  /** Ends the stream after its buffered content. */
  end(): void {
    this.#hasEnded = true;
    this.#schedule();
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    try {
      return super.emit(event, ...args);
    } catch (error) {
      this.destroy(error instanceof Error ? error : undefined);
      throw error;
    }
  }

  override _read(): void {
    this.#isWanted = true;
    this.#deliver();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#queue.clear();
    // Like node:http's messages: without an `error` listener, only `close` is emitted.
    callback(this.listenerCount("error") > 0 ? error : null);
  }

  /** Called before a piece of the queue is pushed. */
  protected onTaken(): void {}

  #schedule(): void {
    if (!this.#isWanted || this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    if (!this.#isWanted || this.destroyed) return;
    const piece = this.#queue.take();
    if (piece !== undefined) {
      this.#isWanted = false;
      this.onTaken();
      this.push(piece);
    } else if (this.#hasEnded) {
      this.#isWanted = false;
      this.push(null);
    }
  }
}

/** FCGI_STDOUT of a request. Applies backpressure. */
export class OutputStream extends ResponseStream {
  readonly #onTaken: () => void;
  readonly #onDestroy: () => void;

  /**
   * @param onTaken called when `add()` may return true again
   * @param onDestroy called when the stream was destroyed, also after its end
   */
  constructor(onTaken: () => void, onDestroy: () => void) {
    super();
    this.#onTaken = onTaken;
    this.#onDestroy = onDestroy;
  }

  /** Adds content; returns false if the reader has enough for now. */
  add(content: Buffer): boolean {
    this.enqueue(content);
    return this.isWanted || this.bufferedLength < MAX_BUFFERED;
  }

  protected override onTaken(): void {
    if (this.bufferedLength < MAX_BUFFERED) this.#onTaken();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#onDestroy();
    super._destroy(error, callback);
  }
}

/** FCGI_STDERR of a request. Drops content beyond its limit, because backpressure would delay FCGI_STDOUT. */
export class ErrorOutput extends ResponseStream {
  /** Adds content, or drops it. */
  add(content: Buffer): void {
    if (this.bufferedLength < MAX_BUFFERED) this.enqueue(content);
  }
}
