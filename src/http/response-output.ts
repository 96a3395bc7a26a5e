import { ChunkedDecoder } from "../cgi/chunked-decoder.ts";
import { toStatusField, translateResponseHead } from "../cgi/response-head.ts";
import type { RequestTransport } from "./request-transport.ts";

/** Characters of a body from which on it is not kept together with its head. */
const LARGE_LENGTH = 80000;

/** Turns the HTTP answer that node:http writes into a CGI answer. */
export class ResponseOutput {
  readonly #transport: RequestTransport;
  readonly #method: string;
  /** Whether the head of the response proper is written, not an interim one. */
  isHeadWritten = false;
  /** Takes off the framing of a body for which the application asked. */
  #decoder: ChunkedDecoder | undefined = undefined;
  /** Bytes that Content-Length still allows, or -1. */
  #remaining = -1;

  /** @param method of the request: the answer to HEAD has no body, whatever its Content-Length */
  constructor(transport: RequestTransport, method: string) {
    this.#transport = transport;
    this.#method = method;
  }

  /** Whether the answer is shorter so far than its Content-Length, or its last chunk is still to come. */
  get isShort(): boolean {
    return this.#remaining > 0 || (this.#decoder !== undefined && !this.#decoder.isDone);
  }

  /** Whether node:http frames the body: it may keep pieces to itself then. */
  get isChunked(): boolean {
    return this.#decoder !== undefined;
  }

  /**
   * Takes what node:http writes, in its order; the first piece holds the whole head.
   *
   * @throws Error if the first piece is no HTTP response head, or the body is not framed as the head says; TypeError
   *   if a field of the head says of the body what cannot be
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
    if (head.text === "") return; // 1xx: the real head is still to come
    this.isHeadWritten = true;
    const { end, statusCode } = head;
    const hasBody = this.#method !== "HEAD" && statusCode !== 204 && statusCode !== 304;
    if (head.isChunked && hasBody) {
      this.#decoder = new ChunkedDecoder();
      this.#transport.write(head.text ?? "", encoding);
      if (text.length > end) this.#writeChunked(this.#decoder, text.slice(end), encoding);
      return;
    }
    if (text.length - end > LARGE_LENGTH && hasBody) {
      // A large body is encoded once, by itself, and then has a length.
      this.#remaining = head.contentLength;
      this.#transport.write(head.text ?? toStatusField(text.slice(0, end)), "latin1");
      this.#writeBody(Buffer.from(text.slice(end), encoding), encoding);
      return;
    }
    if (head.contentLength >= 0 && hasBody) {
      const length = bodyLength(text, end, encoding);
      if (length > head.contentLength) {
        this.#remaining = head.contentLength;
        this.#transport.write(head.text ?? toStatusField(text.slice(0, end)), "latin1");
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
    // Never more than Content-Length says: mod_fcgid would forward the surplus (response splitting).
    const bytes = typeof data === "string" ? Buffer.from(data, encoding) : data;
    const allowed = bytes.length > this.#remaining ? bytes.subarray(0, this.#remaining) : bytes;
    this.#remaining -= allowed.length;
    this.#transport.write(allowed, encoding);
  }
}

/** Bytes of `text` behind its head. */
function bodyLength(text: string, end: number, encoding: BufferEncoding): number {
  const length = text.length - end;
  // The usual answer is ASCII, or its head only: no need to cut the body out.
  if (length === 0 || encoding === "latin1" || Buffer.byteLength(text, encoding) === text.length)
    return length;
  return Buffer.byteLength(text.slice(end), encoding);
}
