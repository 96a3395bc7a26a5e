import { HEADER_LENGTH, VERSION_1 } from "./constants.ts";
import { ProtocolError } from "./errors.ts";

/** Receives what a {@link RecordReader} finds. */
export interface RecordSink {
  /** Is called once per record, before its content. */
  onHeader(type: number, requestId: number, contentLength: number): void;
  /**
   * Is called with the content of the record announced last, in as many pieces as it arrived in: bytes
   * `start` to `end` of `chunk`; `rest` bytes of the record are still to come. Never with an empty piece.
   */
  onContent(chunk: Buffer, start: number, end: number, rest: number): void;
}

/**
 * Cuts a byte stream into records, at any split, without gathering their content.
 *
 * It holds at most 7 bytes (a header cut in two): content goes on to the sink as it arrives, padding is
 * skipped, reserved bytes are ignored. `contentLength` and `paddingLength` are counted apart, as their sum
 * can pass 16 bits.
 *
 * @see FastCGI 1.0, section 3.3
 */
export class RecordReader {
  readonly #sink: RecordSink;
  /** Bytes of a header that was cut by the end of a chunk. */
  #header: Uint8Array | undefined = undefined;
  #headerFilled = 0;
  #content = 0;
  #padding = 0;
  #isStopped = false;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /** Whether the bytes so far end in mid-record. */
  get isMidRecord(): boolean {
    return this.#headerFilled > 0 || this.#content > 0 || this.#padding > 0;
  }

  /** Makes the `push()` at hand return after the call of the sink that it is in. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Takes the next bytes of the stream. The sink may keep `chunk` or parts of it.
   *
   * @returns how many bytes were taken: all, unless the sink called `stop()`; the rest has to be pushed again
   * @throws ProtocolError at the first byte that does not begin a record, and what the sink
   *   throws; the reader is of no use afterwards
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

/** The usual mistakes, by their first byte: a letter begins an HTTP request, 22 a TLS handshake. */
export function protocolOf(byte: number): "HTTP" | "TLS" | undefined {
  if (byte === 22) return "TLS";
  return byte > 64 && byte < 91 ? "HTTP" : undefined;
}

function versionError(byte: number): ProtocolError {
  const protocol = protocolOf(byte);
  const hint = protocol === undefined ? "" : ` (${protocol} was sent to a FastCGI port)`;
  return new ProtocolError(`version of a record is ${byte}, not 1${hint}`);
}
