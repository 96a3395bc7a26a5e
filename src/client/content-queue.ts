/** Smaller pieces are put together; larger ones are kept as views of the chunk that they arrived in. */
const SMALL_LENGTH = 4096;
const ROOM_LENGTH = 8192;

/**
 * Content of a stream that waits for its reader.
 *
 * An application may send its output byte by byte. Each Buffer costs some 150 bytes, so that small pieces are
 * copied together: memory is then in proportion to {@link length}.
 */
export class ContentQueue {
  readonly #pieces: Buffer[] = [];
  /** The last piece, while it is small: itself, or in `#room`. */
  #small: Buffer | undefined;
  #room: Buffer | undefined;
  #roomLength = 0;
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  add(content: Buffer): void {
    this.#length += content.length;
    if (content.length >= SMALL_LENGTH) {
      this.#seal();
      this.#pieces.push(content);
      return;
    }
    if (this.#room === undefined && this.#small !== undefined) {
      this.#room = Buffer.allocUnsafeSlow(ROOM_LENGTH);
      this.#room.set(this.#small);
      this.#roomLength = this.#small.length;
      this.#small = undefined;
    }
    if (this.#room !== undefined && this.#roomLength + content.length > ROOM_LENGTH) this.#seal();
    if (this.#room === undefined) {
      this.#small = compact(content);
      return;
    }
    this.#room.set(content, this.#roomLength);
    this.#roomLength += content.length;
  }

  /** Returns the first piece. */
  take(): Buffer | undefined {
    if (this.#pieces.length === 0) this.#seal();
    const piece = this.#pieces.shift();
    if (piece !== undefined) this.#length -= piece.length;
    return piece;
  }

  clear(): void {
    this.#seal();
    this.#pieces.length = 0;
    this.#length = 0;
  }

  #seal(): void {
    const piece = this.#room?.subarray(0, this.#roomLength) ?? this.#small;
    if (piece !== undefined) this.#pieces.push(piece);
    this.#room = undefined;
    this.#small = undefined;
  }
}

/** Copies a small part of a large chunk, which would else be held as long as its part waits for a reader. */
function compact(content: Buffer): Buffer {
  return content.length * 4 < content.buffer.byteLength ? Buffer.from(content) : content;
}
