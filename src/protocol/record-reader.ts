import { HEADER_LENGTH, VERSION_1 } from "./constants.ts";
import { ProtocolError } from "./errors.ts";

/**
 * Receives the records of a {@link RecordReader}.
 *
 * Calls instead of event objects, because each record of each request makes some.
 */
export interface RecordSink {
  /**
   * Called once per record, before its content; the only call for an empty record.
   *
   * @param type a {@link RecordType}, or the number of an unknown type
   */
  onHeader(type: number, requestId: number, contentLength: number): void;
  /**
   * Called with the next piece of the content of the current record: bytes `start` to `end` of `chunk`, never
   * empty. There are as many pieces as chunks that the record arrived in.
   *
   * @param chunk the one that was passed to `push()`
   * @param rest bytes of the content that are still to come; 0 in the last call for a record
   */
  onContent(chunk: Buffer, start: number, end: number, rest: number): void;
}

/**
 * Splits a byte stream into records and passes their content to a sink as it arrives.
 *
 * Buffers at most 7 bytes, of an incomplete header. Skips padding and ignores the reserved byte. Does not look at
 * types, request ids and contents.
 *
 * @example
 * ```ts
 * const reader = new RecordReader({
 *   onHeader: (type, requestId, contentLength) => console.log(type, requestId, contentLength), // 5 1 5
 *   onContent: (chunk, start, end) => console.log(chunk.toString("utf8", start, end)), // hello
 * });
 * reader.push(encodeRecord(RecordType.STDIN, 1, Buffer.from("hello")));
 * ```
 * @see FastCGI 1.0, section 3.3
 */
export class RecordReader {
  readonly #sink: RecordSink;
  /** Bytes of a header that the end of a chunk split. Allocated with the first one. */
  #header: Uint8Array | undefined = undefined;
  #headerFilled = 0;
  /** Bytes to come of the content, and behind it of the padding. */
  #content = 0;
  #padding = 0;
  #isStopped = false;

  /** @param sink receives the records, always from within `push()` */
  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /** Whether the bytes so far end within a record, padding included. */
  get isMidRecord(): boolean {
    return this.#headerFilled > 0 || this.#content > 0 || this.#padding > 0;
  }

  /** Called by the sink: makes the running `push()` return as soon as the sink does. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Takes the next bytes of the stream and calls the sink for them. The sink may retain `chunk`.
   *
   * @returns the number of bytes consumed: all, unless the sink called `stop()`; push the rest again
   * @throws ProtocolError if a record does not begin with version 1, and whatever the sink throws; the reader
   *   cannot be used afterwards
   */
  push(chunk: Buffer): number {
    const sink = this.#sink;
    const length = chunk.length;
    let position = 0;
    this.#isStopped = false;
    while (position < length && !this.#isStopped) {
      if (this.#content > 0) {
        const end = Math.min(length, position + this.#content);
        this.#content -= end - position;
        sink.onContent(chunk, position, end, this.#content);
        position = end;
      } else if (this.#padding > 0) {
        const skipped = Math.min(length - position, this.#padding);
        this.#padding -= skipped;
        position += skipped;
      } else if (this.#headerFilled === 0 && length - position >= HEADER_LENGTH) {
        if (chunk[position] !== VERSION_1) throw versionError(chunk[position]!);
        const contentLength = (chunk[position + 4]! << 8) | chunk[position + 5]!;
        this.#content = contentLength;
        this.#padding = chunk[position + 6]!;
        const type = chunk[position + 1]!;
        const requestId = (chunk[position + 2]! << 8) | chunk[position + 3]!;
        position += HEADER_LENGTH;
        sink.onHeader(type, requestId, contentLength);
      } else {
        position = this.#fillHeader(chunk, position);
      }
    }
    return position;
  }

  #fillHeader(chunk: Buffer, start: number): number {
    this.#header ??= new Uint8Array(HEADER_LENGTH);
    const header = this.#header;
    let position = start;
    while (position < chunk.length && this.#headerFilled < HEADER_LENGTH) {
      header[this.#headerFilled++] = chunk[position++]!;
    }
    if (header[0] !== VERSION_1) throw versionError(header[0]!);
    if (this.#headerFilled === HEADER_LENGTH) {
      this.#headerFilled = 0;
      const contentLength = (header[4]! << 8) | header[5]!;
      this.#content = contentLength;
      this.#padding = header[6]!;
      this.#sink.onHeader(header[1]!, (header[2]! << 8) | header[3]!, contentLength);
    }
    return position;
  }
}

/** Guesses the protocol of a client that does not speak FastCGI: 22 begins a TLS handshake, a capital letter HTTP. */
export function protocolOf(byte: number): "HTTP" | "TLS" | undefined {
  if (byte === 22) return "TLS";
  return byte > 64 && byte < 91 ? "HTTP" : undefined;
}

function versionError(byte: number): ProtocolError {
  const protocol = protocolOf(byte);
  const hint = protocol === undefined ? "" : ` (${protocol} was sent to a FastCGI port)`;
  return new ProtocolError(`version of a record is ${byte}, not 1${hint}`);
}
