const NO_BYTES = Buffer.alloc(0);

/** Room in which the pieces of a stream are put together. */
export class ByteRoom {
  #room: Buffer = NO_BYTES;

  /** Copies `start` to `end` of `chunk` behind `bytes`, and returns both; `bytes` is moved only to grow. */
  append(bytes: Buffer, chunk: Buffer, start: number, end: number): Buffer {
    const length = bytes.length + end - start;
    if (this.#room.length < length) {
      // Twice as much each time, so that many small pieces are not copied over and over.
      this.#room = Buffer.allocUnsafeSlow(length * 2);
      this.#room.set(bytes);
    }
    chunk.copy(this.#room, bytes.length, start, end);
    return this.#room.subarray(0, length);
  }
}
