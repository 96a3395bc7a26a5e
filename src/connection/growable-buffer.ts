const NO_BYTES = Buffer.alloc(0);

/** Joins the pieces of a stream in memory that grows as needed. */
export class GrowableBuffer {
  #buffer: Buffer = NO_BYTES;

  /**
   * Appends `start` to `end` of `chunk` to `bytes`, which is the result of the call before, or the first bytes.
   *
   * @returns both; `bytes` is copied only when the memory grows
   */
  append(bytes: Buffer, chunk: Buffer, start: number, end: number): Buffer {
    const length = bytes.length + end - start;
    if (this.#buffer.length < length) {
      // Doubles, so that many small pieces do not cause many copies.
      this.#buffer = Buffer.allocUnsafeSlow(length * 2);
      this.#buffer.set(bytes);
    }
    chunk.copy(this.#buffer, bytes.length, start, end);
    return this.#buffer.subarray(0, length);
  }
}
