import { Readable } from "node:stream";
import type { CGIHead } from "../cgi/cgi-head.ts";
import type { ProtocolStatus } from "../protocol/constants.ts";

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

/** FCGI_STDOUT of a request, for its reader. */
export class OutputStream extends Readable {
  readonly #onRead: () => void;
  readonly #onDestroy: () => void;

  /**
   * @param onRead more is wanted
   * @param onDestroy the reader gave up, or the stream ended
   */
  constructor(onRead: () => void, onDestroy: () => void) {
    super({ highWaterMark: 65536 });
    this.#onRead = onRead;
    this.#onDestroy = onDestroy;
  }

  override _read(): void {
    this.#onRead();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#onDestroy();
    // As of node:http's messages: without a listener it is `close` without `end`, not a crash.
    callback(this.listenerCount("error") > 0 ? error : null);
  }
}

/** FCGI_STDERR of a request: bounded by dropping what is not read. */
export class ErrorOutput extends Readable {
  constructor() {
    super({ highWaterMark: 65536, read: () => {} });
  }

  /** Takes the next piece, if there is room. */
  add(content: Buffer): void {
    if (this.readableLength < this.readableHighWaterMark) this.push(content);
  }
}
