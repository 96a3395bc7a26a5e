import { RecordReader, type RecordSink } from "./record-reader.ts";

/** One complete record, without its padding. */
export interface FastCGIRecord {
  /** A {@link RecordType}, or the number of an unknown type. */
  readonly type: number;
  /** 0 for management records. */
  readonly requestId: number;
  /** Up to 65,535 bytes. It shares memory with the chunk that it arrived in, unless it arrived in several. */
  readonly content: Buffer;
}

/**
 * Parses a byte stream into complete records, at any split.
 *
 * Buffers the record that is incomplete, up to 65,535 bytes. {@link RecordReader} buffers none and allocates
 * nothing per record.
 *
 * @example
 * ```ts
 * const parser = new RecordParser();
 * for (const { type, requestId, content } of parser.push(encodeAbortRequest(1))) {
 *   console.log(type, requestId, content.length); // 2 1 0
 * }
 * ```
 * @see FastCGI 1.0, section 3.3
 */
export class RecordParser {
  readonly #gatherer: RecordGatherer = new RecordGatherer();
  readonly #reader: RecordReader = new RecordReader(this.#gatherer);

  /**
   * Takes the next bytes and returns the records that they complete, possibly none.
   *
   * @throws ProtocolError if a record does not begin with version 1; the parser cannot be used afterwards
   */
  push(chunk: Buffer): FastCGIRecord[] {
    this.#reader.push(chunk);
    return this.#gatherer.takeRecords();
  }

  /** Whether the bytes so far end within a record. */
  get isMidRecord(): boolean {
    return this.#reader.isMidRecord;
  }
}

/** Puts the pieces of records together. */
class RecordGatherer implements RecordSink {
  #records: FastCGIRecord[] = [];
  #type = 0;
  #requestId = 0;
  #pieces: Buffer[] = [];

  takeRecords(): FastCGIRecord[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }

  onHeader(type: number, requestId: number, contentLength: number): void {
    this.#type = type;
    this.#requestId = requestId;
    if (contentLength === 0) this.#records.push({ type, requestId, content: Buffer.alloc(0) });
  }

  onContent(chunk: Buffer, start: number, end: number, rest: number): void {
    const piece = chunk.subarray(start, end);
    if (rest > 0) {
      this.#pieces.push(piece);
      return;
    }
    const content = this.#pieces.length === 0 ? piece : Buffer.concat([...this.#pieces, piece]);
    this.#pieces = [];
    this.#records.push({ type: this.#type, requestId: this.#requestId, content });
  }
}
