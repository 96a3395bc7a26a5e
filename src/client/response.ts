import type { Readable } from "node:stream";
import type { CGIHead } from "../cgi/cgi-head.ts";
import type { EndRequestBody } from "../protocol/record-body.ts";

/** The response of an application, with its CGI head unparsed: see `requestRaw()` of `FastCGIClient`. */
export interface RawFastCGIResponse {
  /**
   * FCGI_STDOUT, head and body. Read it or destroy it, see {@link FastCGIResponse.body}.
   *
   * Fails with a `FastCGIError` if the connection closes before FCGI_END_REQUEST.
   */
  readonly stdout: Readable;
  /** FCGI_STDERR. Up to 64 KiB are kept unread; what follows is dropped, so that it never delays the response. */
  readonly stderr: Readable;
  /**
   * Resolves when the application ended the request, rejects with a `FastCGIError` if it was aborted or the
   * connection closed. A rejection need not be handled.
   */
  readonly ended: Promise<EndRequestBody>;
}

/**
 * Header fields by lower-case name. `set-cookie` is an array, other repeated fields are joined by `, `. The
 * prototype is null.
 */
export type ResponseHeaders = Record<string, string | string[]>;

/**
 * The response of an application to one request.
 *
 * @example
 * ```ts
 * const client = new FastCGIClient(9000);
 * const response = await client.request({ REQUEST_METHOD: "GET", REQUEST_URI: "/" });
 * if (response.statusCode === 200) response.body.pipe(process.stdout);
 * else response.body.destroy();
 * ```
 */
export interface FastCGIResponse {
  /** From 200 to 999; 200 if the application sent no status, 302 if it sent `Location` only. */
  readonly statusCode: number;
  /** The reason phrase of the application, or Node's for the status. */
  readonly statusMessage: string;
  /** Header fields. A new object at each access. */
  readonly headers: ResponseHeaders;
  /** Names and values in turn, as sent, without `Status`; Latin-1, one character per byte. */
  readonly rawHeaders: string[];
  /**
   * Path and query of which the client is to get the response instead: the application sent nothing but a
   * `Location` that begins with a slash. `statusCode` is 302 then. `createGateway()` follows it.
   *
   * @see RFC 3875, section 6.2.2
   */
  readonly localRedirect: string | undefined;
  /**
   * Body of the response. Up to 64 KiB are buffered; beyond, the connection is not read until the body is.
   *
   * Read it to the end or destroy it, or its connection is never free. Destroying it aborts the request. Fails
   * with a `FastCGIError` if the connection closes before FCGI_END_REQUEST.
   */
  readonly body: Readable;
  /** See {@link RawFastCGIResponse.stderr}. */
  readonly stderr: Readable;
  /** See {@link RawFastCGIResponse.ended}. */
  readonly ended: Promise<EndRequestBody>;
}

/** A response with its CGI head parsed. */
export class ParsedResponse implements FastCGIResponse {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly rawHeaders: string[];
  readonly localRedirect: string | undefined;
  readonly body: Readable;
  readonly stderr: Readable;
  readonly ended: Promise<EndRequestBody>;

  constructor(head: CGIHead, streams: RawFastCGIResponse) {
    this.statusCode = head.statusCode;
    this.statusMessage = head.statusMessage;
    this.rawHeaders = head.rawHeaders;
    this.localRedirect = head.localRedirect;
    this.body = streams.stdout;
    this.stderr = streams.stderr;
    this.ended = streams.ended;
  }

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
