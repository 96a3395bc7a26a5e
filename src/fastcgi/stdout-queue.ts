import { buffersResponse } from "../cgi/front-ends.ts";
import { decodeParams } from "../cgi/params.ts";
import { toStatusField } from "../cgi/response-head.ts";
import { HEADER_LENGTH, MAX_CONTENT_LENGTH } from "../protocol/constants.ts";
import { RequestInput } from "./request-input.ts";
import {
  encodeChunks,
  MAX_COPIED_LENGTH,
  MAX_END_LENGTH,
  outputSlab,
  takeChunks,
  takeSlab,
  writeEnd,
  writeStdoutHeaders,
} from "./stdout-records.ts";

/** Makes nginx pass output on as it arrives; nginx removes the field from the response. */
const UNBUFFERED = "X-Accel-Buffering: no\r\n";

/** Whether text in this encoding is queued as a string; in any other it is decoded when it is written. */
function staysText(encoding: BufferEncoding): boolean {
  return encoding === "utf8" || encoding === "latin1" || encoding === "utf-8" || encoding === "binary";
}

/**
 * Response bytes of one request that wait to become STDOUT records.
 *
 * The queue is one string, because most responses are one (head and body together), followed by chunks. It is encoded
 * in one of two ways: {@link encodeToSlab} copies all of it, and {@link takeRecords} takes some of it without a copy.
 * */
export class StdoutQueue extends RequestInput {
  /** Exit status of the request, as of a CGI program. */
  appStatus = 0;
  /** FCGI_END_REQUEST waits for the end of STDIN. Set before the first output, by whoever knows the web server. */
  endsAfterStdin = false;
  /** FCGI_STDERR was used: its stream needs an end. */
  hasStderr = false;
  #text = "";
  #textEncoding: BufferEncoding = "latin1";
  /** `#text` begins with `HTTP/1.1 `, which is sent as `Status: `. */
  #isHTTP = false;
  #chunks: Uint8Array[] | undefined = undefined;
  #queuedLength = 0;
  #hasStdout = false;
  #isComplete = false;

  /** Bytes that are queued; a string counts by its characters. */
  get queuedLength(): number {
    return this.#queuedLength;
  }

  /** Whether any STDOUT was encoded. */
  get hasStdout(): boolean {
    return this.#hasStdout;
  }

  /** Whether the response was written to its end. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Whether FCGI_END_REQUEST may follow what is queued. */
  get mayEnd(): boolean {
    return this.#isComplete && (!this.endsAfterStdin || this.stdinEnded);
  }

  /** Queues text that begins with `HTTP/1.1 `, in whose place `Status: ` is sent. */
  writeHTTP(text: string, encoding: BufferEncoding): void {
    if (this.#chunks === undefined && this.#text === "" && staysText(encoding)) {
      this.write(text, encoding);
      this.#isHTTP = this.#text !== "";
    } else {
      this.write(toStatusField(text), encoding);
    }
  }

  /** Queues output; ignored after the end of the response. */
  write(data: string | Uint8Array, encoding: BufferEncoding): void {
    if (this.isEnded || this.#isComplete || data.length === 0) return;
    if (typeof data === "string" && this.#chunks === undefined && this.#text === "" && staysText(encoding)) {
      this.#text = data;
      this.#textEncoding = encoding;
      this.#queuedLength = data.length;
      return;
    }
    const bytes = typeof data === "string" ? Buffer.from(data, encoding) : data;
    if (this.#chunks === undefined) this.#chunks = [bytes];
    else this.#chunks.push(bytes);
    this.#queuedLength += bytes.length;
  }

  /** Marks the end of the response: FCGI_END_REQUEST follows what is queued. */
  complete(): void {
    this.#isComplete = true;
  }

  /** Removes and returns the last chunk if `least` bytes remain without it. */
  popChunk(least: number): Uint8Array | undefined {
    const last = this.#chunks?.at(-1);
    if (last === undefined || this.#queuedLength - last.length < least) return undefined;
    this.#chunks!.pop();
    this.#queuedLength -= last.length;
    return last;
  }

  /**
   * Encodes all that is queued into the shared slab, and FCGI_END_REQUEST if it may follow.
   *
   * @returns the length of the records, or -1 if they do not fit: the queue is unchanged then
   */
  encodeToSlab(): number {
    if (!this.#hasStdout && !this.mayEnd) this.#disableBuffering();
    if (!this.#takeSlab()) return -1;
    const end = this.#writeQueued();
    if (end > 0) this.#hasStdout = true;
    return this.mayEnd ? writeEnd(outputSlab(), end, this.requestId, this.hasStderr, this.appStatus) : end;
  }

  /**
   * Takes up to `budget` bytes from the queue as records that share the memory of the chunks, and FCGI_END_REQUEST if
   * the queue is empty then and it may follow.
   */
  takeRecords(budget: number): Uint8Array[] {
    const { requestId } = this;
    const chunks = this.#textToChunk();
    const { taken, length } = takeChunks(chunks, budget);
    this.#queuedLength -= length;
    if (length > 0) this.#hasStdout = true;
    const records = encodeChunks(requestId, taken, length);
    if (this.#queuedLength > 0) return records;
    this.#chunks = undefined;
    if (this.mayEnd) {
      const end = Buffer.allocUnsafe(MAX_END_LENGTH);
      records.push(end.subarray(0, writeEnd(end, 0, requestId, this.hasStderr, this.appStatus)));
    }
    return records;
  }

  /** Turns the text, if any, into the first chunk. */
  #textToChunk(): Uint8Array[] {
    this.#chunks ??= [];
    if (this.#text !== "") {
      const text = this.#isHTTP ? toStatusField(this.#text) : this.#text;
      const bytes = Buffer.from(text, this.#textEncoding);
      this.#chunks.unshift(bytes);
      this.#queuedLength += bytes.length - this.#text.length;
      this.#isHTTP = false;
      this.#text = "";
    }
    return this.#chunks;
  }

  /** Selects a slab for the longest encoding of what is queued; returns false if there is none. */
  #takeSlab(): boolean {
    const textLength = this.#text.length;
    if (this.#queuedLength - textLength > MAX_COPIED_LENGTH) return false;
    return takeSlab(
      this.#textEncoding === "latin1" ? this.#queuedLength : this.#queuedLength + textLength * 2,
    );
  }

  /** Writes all that is queued as STDOUT records at the start of the slab; returns their end. */
  #writeQueued(): number {
    const slab = outputSlab();
    let offset = HEADER_LENGTH;
    if (this.#isHTTP) {
      // `Status: ` is one byte shorter than `HTTP/1.1 `: writing the text one byte early, into the header of the
      // record, and overwriting its start avoids a new string.
      offset = 7 + slab.write(this.#text, 7, this.#textEncoding);
      writeStatus(slab);
      this.#isHTTP = false;
    } else if (this.#text !== "") {
      offset += slab.write(this.#text, HEADER_LENGTH, this.#textEncoding);
    }
    if (this.#chunks !== undefined) {
      for (const chunk of this.#chunks) {
        slab.set(chunk, offset);
        offset += chunk.length;
      }
      this.#chunks = undefined;
    }
    this.#text = "";
    this.#queuedLength = 0;
    if (offset === HEADER_LENGTH) return 0;
    const isFirst = !this.#hasStdout && !this.mayEnd;
    const headEnd = isFirst ? slab.indexOf("\r\n\r\n", HEADER_LENGTH, "latin1") + 4 : 0;
    if (headEnd > HEADER_LENGTH && headEnd < offset && headEnd <= MAX_CONTENT_LENGTH) {
      // The head of a response that is not complete gets a record of its own: nginx holds back the beginning of a
      // body that shares the record of the head and is shorter than 8 bytes.
      slab.copyWithin(headEnd + HEADER_LENGTH, headEnd, offset);
      writeStdoutHeaders(this.requestId, 0, headEnd - HEADER_LENGTH, false);
      return writeStdoutHeaders(this.requestId, headEnd, offset - headEnd, false);
    }
    return writeStdoutHeaders(this.requestId, 0, offset - HEADER_LENGTH, this.mayEnd);
  }

  /**
   * Adds `X-Accel-Buffering: no` to the head of a response that is not complete, behind nginx.
   *
   * On a connection that is not kept, nginx waits for 4 KB or the end of the response. Without a Content-Length the
   * application streams, and its output has to be passed on as it is written.
   */
  #disableBuffering(): void {
    const text = this.#text;
    if (this.keepConn || text === "" || !buffersResponse(decodeParams(this.params))) return;
    const end = text.indexOf("\r\n\r\n") + 2;
    if (end < 2 || /\n(?:content-length|x-accel-buffering):/i.test(text.slice(0, end))) return;
    this.#text = text.slice(0, end) + UNBUFFERED + text.slice(end);
    this.#queuedLength += UNBUFFERED.length;
  }
}

/** Writes `Status: ` after the record's header; eight assignments cost less than a call of `set()`. */
function writeStatus(slab: Buffer): void {
  slab[8] = 0x53;
  slab[9] = 0x74;
  slab[10] = 0x61;
  slab[11] = 0x74;
  slab[12] = 0x75;
  slab[13] = 0x73;
  slab[14] = 0x3a;
  slab[15] = 0x20;
}
