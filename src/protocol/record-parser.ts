import { RecordReader, type RecordSink } from "./record-reader.ts";

/** One whole record. */
export interface FastCGIRecord {
  readonly type: number;
  readonly requestId: number;
  readonly content: Buffer;
}

/**
 * Gathers whole records from a byte stream: for tools and tests. It holds at most one record
 * (65,535 bytes of content); servers use {@link RecordReader}, which holds none.
 */
export class RecordParser implements RecordSink {
  readonly #reader: RecordReader = new RecordReader(this);
  #records: FastCGIRecord[] = [];
  #type = 0;
  #requestId = 0;
  #pieces: Buffer[] = [];

  /**
   * Takes the next bytes and returns the records that they complete; content is a copy or a view of `chunk`.
   *
   * @throws ProtocolError on bytes that are no record
   */
  push(chunk: Buffer): FastCGIRecord[] {
    this.#reader.push(chunk);
    const records = this.#records;
    this.#records = [];
    return records;
  }

  /** Whether the bytes so far end in mid-record. */
  get isMidRecord(): boolean {
    return this.#reader.isMidRecord;
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
