import { Readable } from "node:stream";
import type { CGIHead } from "../cgi/cgi-head.ts";
import type { ProtocolStatus } from "../protocol/constants.ts";
import { ContentQueue } from "./content-queue.ts";

/** How a request ended: the body of FCGI_END_REQUEST (FastCGI 1.0, 5.5). */
export interface RequestEnd {
  /** Exit status of the program, 0 if all went well. */
  readonly appStatus: number;
  readonly protocolStatus: ProtocolStatus;
}

/** The answer of an application, unparsed. */
export interface RawFastCGIResponse {
  /** FCGI_STDOUT. It ends with the request; it fails if the connection goes before. Destroying it aborts. */
  readonly stdout: Readable;
  /** FCGI_STDERR, see {@link FastCGIResponse.stderr}. */
  readonly stderr: Readable;
  /** Settles with the request. */
  readonly ended: Promise<RequestEnd>;
}

/** Header fields by lower-case name: `set-cookie` as a list, other repeated fields joined by `, `. */
export type ResponseHeaders = Record<string, string | string[]>;

/** The answer of an application to one request, its CGI head parsed. */
export class FastCGIResponse {
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Names and values by turns, as sent, without `Status`. */
  readonly rawHeaders: string[];
  /** See {@link CGIHead.localRedirect}. */
  readonly localRedirect: string | undefined;
  /**
   * The body, read from the connection only as fast as it is read from here. It ends with FCGI_END_REQUEST; it
   * fails with a `FastCGIError` if the connection goes before. Destroying it aborts the request. Read or destroy
   * it, else the connection is never free.
   */
  readonly body: Readable;
  /** FCGI_STDERR. What nobody reads is kept up to 64 KiB and dropped beyond: it never holds the answer up. */
  readonly stderr: Readable;
  /** Settles with the request: rejected if it was aborted or the connection went. It need not be handled. */
  readonly ended: Promise<RequestEnd>;

  constructor(head: CGIHead, streams: RawFastCGIResponse) {
    this.statusCode = head.statusCode;
    this.statusMessage = head.statusMessage;
    this.rawHeaders = head.rawHeaders;
    this.localRedirect = head.localRedirect;
    this.body = streams.stdout;
    this.stderr = streams.stderr;
    this.ended = streams.ended;
  }

  /** The header fields as an object without prototype, made anew at each access. */
  get headers(): ResponseHeaders {
    const headers: ResponseHeaders = Object.create(null);
    for (let i = 0; i < this.rawHeaders.length; i += 2) {
      const name = this.rawHeaders[i]!.toLowerCase();
      const value = this.rawHeaders[i + 1]!;
      const previous = headers[name];
      if (name === "set-cookie") headers[name] = [...(previous ?? []), value];
      else headers[name] = previous === undefined ? value : `${previous}, ${value}`;
    }
    return headers;
  }
}

/** Bytes of a stream that wait for their reader before the connection is not read on. */
const QUEUE_LENGTH = 65536;

/**
 * One output stream of a request, for its reader.
 *
 * Content is handed over in a turn of its own: a listener that throws meets neither the parser of the connection
 * nor other requests. It destroys this stream, so that the request does not wait for a reader that is gone.
 */
abstract class ResponseStream extends Readable {
  readonly #queue: ContentQueue = new ContentQueue();
  /** Whether the reader has taken what it was given. */
  #isWanted = true;
  #hasEnded = false;
  #isScheduled = false;

  constructor() {
    // What waits does so in the queue, where small pieces are put together.
    super({ highWaterMark: 1 });
  }

  /** Whether the first piece of the queue is about to leave. */
  protected get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Bytes that were not taken. */
  protected get queued(): number {
    return this.#queue.length + this.readableLength;
  }

  /** Takes the next piece. */
  protected enqueue(content: Buffer): void {
    if (this.destroyed) return;
    this.#queue.add(content);
    this.#schedule();
  }

  /** Ends the stream behind what was added. */
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
    // As of node:http's messages: without a listener it is `close` without `end`, not a crash.
    callback(this.listenerCount("error") > 0 ? error : null);
  }

  /** The queue became shorter. */
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

/** FCGI_STDOUT of a request. */
export class OutputStream extends ResponseStream {
  readonly #onTaken: () => void;
  readonly #onDestroy: () => void;

  /**
   * @param onTaken there is room again
   * @param onDestroy the reader gave up, or the stream ended
   */
  constructor(onTaken: () => void, onDestroy: () => void) {
    super();
    this.#onTaken = onTaken;
    this.#onDestroy = onDestroy;
  }

  /** Takes the next piece; false if the reader has enough for now. */
  add(content: Buffer): boolean {
    this.enqueue(content);
    return this.isWanted || this.queued < QUEUE_LENGTH;
  }

  protected override onTaken(): void {
    if (this.queued < QUEUE_LENGTH) this.#onTaken();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#onDestroy();
    super._destroy(error, callback);
  }
}

/** FCGI_STDERR of a request: bounded by dropping what is not read. */
export class ErrorOutput extends ResponseStream {
  /** Takes the next piece, if there is room. */
  add(content: Buffer): void {
    if (this.queued < QUEUE_LENGTH) this.enqueue(content);
  }
}
