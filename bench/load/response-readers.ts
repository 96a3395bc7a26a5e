/** Follows the bytes of one response after the other, with one request in flight. */
export interface ResponseReader {
  /** Bytes of the response so far: of STDOUT over FastCGI, of the body over HTTP. */
  content: number;
  /** Takes the first `length` bytes of `chunk`; returns whether they end the response. */
  push(chunk: Buffer, length: number): boolean;
  /** Takes the end of the connection; returns whether it ends the response. */
  end(): boolean;
  /** Makes ready for the next response. */
  reset(): void;
}

const STDOUT = 6;
const END_REQUEST = 3;

/** Reads record headers only and skips the rest, until FCGI_END_REQUEST is whole. */
export class FastCGIResponseReader implements ResponseReader {
  content = 0;
  #type = 0;
  /** Content and padding of the current record that are still to come. */
  #rest = 0;
  readonly #header: Buffer = Buffer.alloc(8);
  #filled = 0;

  push(chunk: Buffer, length: number): boolean {
    let position = 0;
    while (position < length) {
      if (this.#rest > 0) {
        const skipped = Math.min(this.#rest, length - position);
        this.#rest -= skipped;
        position += skipped;
      } else {
        while (this.#filled < 8 && position < length) this.#header[this.#filled++] = chunk[position++]!;
        if (this.#filled < 8) return false;
        this.#filled = 0;
        if (this.#header[0] !== 1) throw new Error(`version of a record is ${this.#header[0]}`);
        this.#type = this.#header[1]!;
        const contentLength = (this.#header[4]! << 8) | this.#header[5]!;
        this.#rest = contentLength + this.#header[6]!;
        if (this.#type === STDOUT) this.content += contentLength;
      }
      if (this.#type === END_REQUEST && this.#rest === 0) return true;
    }
    return false;
  }

  end(): boolean {
    return false;
  }

  reset(): void {
    this.content = 0;
    this.#type = 0;
  }
}

/** Reads Content-Length and the sizes of chunks and skips the rest. */
export class HTTPResponseReader implements ResponseReader {
  content = 0;
  #head = "";
  #isInBody = false;
  #isChunked = false;
  /** Bytes of the body, or of the current chunk with its line end, that are still to come. */
  #rest = 0;
  #sizeLine = "";
  #isLastChunk = false;

  push(chunk: Buffer, length: number): boolean {
    let position = 0;
    if (!this.#isInBody) {
      const before = this.#head.length;
      this.#head += chunk.toString("latin1", 0, Math.min(length, 8192));
      const end = this.#head.indexOf("\r\n\r\n");
      if (end < 0) return false;
      this.#readHead(this.#head.slice(0, end + 2));
      this.#isInBody = true;
      position = end + 4 - before;
    }
    if (this.#isChunked) return this.#pushChunked(chunk, position, length);
    this.content += length - position;
    this.#rest -= length - position;
    return this.#rest <= 0;
  }

  end(): boolean {
    return this.#isInBody && this.#rest === Number.POSITIVE_INFINITY;
  }

  reset(): void {
    this.content = 0;
    this.#head = "";
    this.#isInBody = false;
    this.#isChunked = false;
    this.#rest = 0;
    this.#sizeLine = "";
    this.#isLastChunk = false;
  }

  #readHead(head: string): void {
    if (!head.startsWith("HTTP/1.1 200")) throw new Error(`response begins ${head.slice(0, 40)}`);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    this.#isChunked = length === null && /\r\ntransfer-encoding: *chunked/i.test(head);
    if (this.#isChunked) this.#rest = 0;
    else this.#rest = length === null ? Number.POSITIVE_INFINITY : Number(length[1]);
  }

  #pushChunked(chunk: Buffer, start: number, length: number): boolean {
    let position = start;
    while (position < length) {
      if (this.#rest > 0) {
        const skipped = Math.min(this.#rest, length - position);
        this.#rest -= skipped;
        position += skipped;
        if (this.#rest === 0 && this.#isLastChunk) return true;
        continue;
      }
      const lineEnd = chunk.indexOf(10, position);
      if (lineEnd < 0 || lineEnd >= length) {
        this.#sizeLine += chunk.toString("latin1", position, length);
        return false;
      }
      const size = Number.parseInt(this.#sizeLine + chunk.toString("latin1", position, lineEnd), 16);
      this.#sizeLine = "";
      position = lineEnd + 1;
      this.content += size;
      // The line end after a chunk; after the last one, the line end of the trailer section.
      this.#rest = size + 2;
      this.#isLastChunk = size === 0;
    }
    return false;
  }
}
