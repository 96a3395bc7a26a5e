/** Pieces below this length are copied together; others are kept as views of the chunk that they arrived in. */
const SMALL_LENGTH = 4096;
/** Length of the Buffer that small pieces are copied to. */
const ROOM_LENGTH = 8192;

/**
 * Buffered content of a stream, in pieces.
 *
 * Each Buffer costs some 150 bytes. Small pieces are therefore copied together: an application may send its output
 * byte by byte, and memory has to stay proportional to {@link length}.
 */
export class ContentQueue {
  readonly #pieces: Buffer[] = [];
  /** The last piece, if it is small and alone. With a second small one it moves to `#room`. */
  #small: Buffer | undefined;
  #room: Buffer | undefined;
  #roomLength = 0;
  #length = 0;

  /** Buffered bytes. */
  get length(): number {
    return this.#length;
  }

  /** Appends content. */
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

  /** Removes and returns the first piece. */
  take(): Buffer | undefined {
    if (this.#pieces.length === 0) this.#seal();
    const piece = this.#pieces.shift();
    if (piece !== undefined) this.#length -= piece.length;
    return piece;
  }

  /** Drops all content. */
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

/** Copies a small part of a large chunk, which the part would retain. */
function compact(content: Buffer): Buffer {
  return content.length * 4 < content.buffer.byteLength ? Buffer.from(content) : content;
}
