import { ChunkedDecoder } from "../cgi/chunked-decoder.ts";
import { toStatusField, translateResponseHead } from "../cgi/response-head.ts";
import type { RequestTransport } from "./request-transport.ts";

/** Characters of a body from which on it is encoded apart from its head. */
const LARGE_LENGTH = 80000;
/** node:http allows characters of Latin-1 in header fields. */
const NOT_ASCII = /[\u0080-\uffff]/;

/**
 * Translates the HTTP response that node:http writes into a CGI response: the status line becomes a Status field, the
 * chunked coding is removed, and the body is cut at Content-Length.
 */
export class ResponseOutput {
  readonly #transport: RequestTransport;
  readonly #method: string;
  /** Whether the head of the final response is written; interim (1xx) responses do not count. */
  isHeadWritten = false;
  /** Removes the chunked coding, if the application has set Transfer-Encoding. */
  #decoder: ChunkedDecoder | undefined = undefined;
  /** Bytes of the body until Content-Length; -1 without Content-Length. */
  #remaining = -1;

  /** @param method of the request; a response to HEAD has no body, whatever its Content-Length */
  constructor(transport: RequestTransport, method: string) {
    this.#transport = transport;
    this.#method = method;
  }

  /** Whether the body is shorter than Content-Length, or its last chunk is missing, so far. */
  get isShort(): boolean {
    return this.#remaining > 0 || (this.#decoder !== undefined && !this.#decoder.isDone);
  }

  /** Whether node:http writes chunks. It may hold some of them back. */
  get isChunked(): boolean {
    return this.#decoder !== undefined;
  }

  /**
   * Translates a piece of what node:http writes. The first piece has to hold the whole head.
   *
   * @throws Error if the first piece is not an HTTP response head, or the chunks are malformed
   * @throws TypeError if the head has an invalid Content-Length or Transfer-Encoding
   */
  write(data: string | Uint8Array, encoding: BufferEncoding): void {
    if (!this.isHeadWritten) this.#writeHead(data, encoding);
    else if (this.#decoder !== undefined) this.#writeChunked(this.#decoder, data, encoding);
    else if (data.length > 0) this.#writeBody(data, encoding);
  }

  #writeHead(data: string | Uint8Array, encoding: BufferEncoding): void {
    const text = typeof data === "string" ? data : Buffer.from(data).toString("latin1");
    const head = translateResponseHead(text);
    if (head === undefined) {
      throw new Error("what was written to the socket is no HTTP response head");
    }
    if (head.text === "") return; // 1xx: the final head is still to come
    this.isHeadWritten = true;
    const { end, statusCode } = head;
    const hasBody = this.#method !== "HEAD" && statusCode !== 204 && statusCode !== 304;
    if (head.isChunked && hasBody) {
      this.#decoder = new ChunkedDecoder();
      this.#transport.write(head.text ?? "", encoding);
      if (text.length > end) this.#writeChunked(this.#decoder, text.slice(end), encoding);
      return;
    }
    // node:http gives a head that is written together with the first of its body the encoding of that, unless the body
    // is chunked, as it is over HTTP/1.1 if its length is unknown.
    const headEncoding = head.contentLength >= 0 ? encoding : "latin1";
    if (text.length - end > LARGE_LENGTH && hasBody) {
      // Encodes a large body only once, apart from its head; its length is known then.
      this.#remaining = head.contentLength;
      this.#transport.write(head.text ?? toStatusField(text.slice(0, end)), headEncoding);
      this.#writeBody(Buffer.from(text.slice(end), encoding), encoding);
      return;
    }
    if (headEncoding !== encoding && text.length > end && hasBody && NOT_ASCII.test(text.slice(0, end))) {
      this.#transport.write(head.text ?? toStatusField(text.slice(0, end)), headEncoding);
      this.#transport.write(text.slice(end), encoding);
      return;
    }
    if (head.contentLength >= 0 && hasBody) {
      const length = bodyLength(text, end, encoding);
      if (length > head.contentLength) {
        this.#remaining = head.contentLength;
        this.#transport.write(head.text ?? toStatusField(text.slice(0, end)), encoding);
        this.#writeBody(text.slice(end), encoding);
        return;
      }
      this.#remaining = head.contentLength - length;
    }
    if (head.text === undefined) this.#transport.writeHTTP(text, encoding);
    else this.#transport.write(text.length === end ? head.text : head.text + text.slice(end), encoding);
  }

  #writeChunked(decoder: ChunkedDecoder, data: string | Uint8Array, encoding: BufferEncoding): void {
    const bytes = typeof data === "string" ? Buffer.from(data, encoding) : data;
    decoder.decode(bytes, (content) => this.#transport.write(content, "latin1"));
  }

  #writeBody(data: string | Uint8Array, encoding: BufferEncoding): void {
    if (this.#remaining < 0) {
      this.#transport.write(data, encoding);
      return;
    }
    // mod_fcgid would forward what exceeds Content-Length (response splitting).
    const bytes = typeof data === "string" ? Buffer.from(data, encoding) : data;
    const allowed = bytes.length > this.#remaining ? bytes.subarray(0, this.#remaining) : bytes;
    this.#remaining -= allowed.length;
    this.#transport.write(allowed, encoding);
  }
}

/** Returns the length in bytes of what follows the head in `text`. */
function bodyLength(text: string, end: number, encoding: BufferEncoding): number {
  const length = text.length - end;
  // Fast path for ASCII and for heads alone: does not slice the body.
  if (length === 0 || encoding === "latin1" || Buffer.byteLength(text, encoding) === text.length)
    return length;
  return Buffer.byteLength(text.slice(end), encoding);
}
