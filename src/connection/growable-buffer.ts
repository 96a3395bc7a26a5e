const NO_BYTES = Buffer.alloc(0);

/** Room in which the pieces of a stream are put together. */
export class GrowableBuffer {
  #buffer: Buffer = NO_BYTES;

  /** Copies `start` to `end` of `chunk` behind `bytes`, and returns both; `bytes` is moved only to grow. */
  append(bytes: Buffer, chunk: Buffer, start: number, end: number): Buffer {
    const length = bytes.length + end - start;
    if (this.#buffer.length < length) {
      // Twice as much each time, so that many small pieces are not copied over and over.
      this.#buffer = Buffer.allocUnsafeSlow(length * 2);
      this.#buffer.set(bytes);
    }
    chunk.copy(this.#buffer, bytes.length, start, end);
    return this.#buffer.subarray(0, length);
  }
}
