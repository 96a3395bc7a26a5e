/** The part of the body that the next byte belongs to. */
const State = {
  /** The first digit of a chunk's size, which is required. */
  FIRST_DIGIT: 0,
  SIZE: 1,
  /** White space or an extension after the size. */
  EXTENSION: 2,
  SIZE_LF: 3,
  DATA: 4,
  DATA_CR: 5,
  DATA_LF: 6,
  /** The beginning of a line after the last chunk: a trailer field or the empty line. */
  TRAILER_START: 7,
  TRAILER: 8,
  LAST_LF: 9,
  DONE: 10,
} as const;

const CR = 0x0d;
const LF = 0x0a;
/** With one more hexadecimal digit, a smaller size is still below 2^52 and exact. */
const MAX_SIZE = 2 ** 48;

/**
 * Decodes the chunked transfer coding, however the body is split. Buffers nothing.
 *
 * Drops chunk extensions, trailer fields and bytes after the end of the body.
 *
 * @see RFC 9112, section 7.1
 */
export class ChunkedDecoder {
  #state: number = State.FIRST_DIGIT;
  #size = 0;

  /** Whether the body has ended. */
  get isDone(): boolean {
    return this.#state === State.DONE;
  }

  /**
   * @param onData is called with the parts of `bytes` that are content; they share its memory
   * @throws Error if the bytes are not chunked
   */
  decode(bytes: Uint8Array, onData: (content: Uint8Array) => void): void {
    let position = 0;
    while (position < bytes.length && this.#state !== State.DONE) {
      if (this.#state === State.DATA) {
        const end = Math.min(bytes.length, position + this.#size);
        this.#size -= end - position;
        if (this.#size === 0) this.#state = State.DATA_CR;
        onData(position === 0 && end === bytes.length ? bytes : bytes.subarray(position, end));
        position = end;
      } else {
        this.#next(bytes[position]!);
        position++;
      }
    }
  }

  #next(byte: number): void {
    switch (this.#state) {
      case State.FIRST_DIGIT:
      case State.SIZE:
        this.#readSize(byte);
        break;
      case State.EXTENSION:
        if (byte === CR) this.#state = State.SIZE_LF;
        else if (byte === LF) throw malformed("a size line ends without CR");
        break;
      case State.SIZE_LF:
        this.#expect(byte, LF, this.#size === 0 ? State.TRAILER_START : State.DATA);
        break;
      case State.DATA_CR:
        this.#expect(byte, CR, State.DATA_LF);
        break;
      case State.DATA_LF:
        this.#expect(byte, LF, State.FIRST_DIGIT);
        break;
      case State.TRAILER_START:
        this.#state = byte === CR ? State.LAST_LF : State.TRAILER;
        break;
      case State.TRAILER:
        if (byte === LF) this.#state = State.TRAILER_START;
        break;
      case State.LAST_LF:
        this.#expect(byte, LF, State.DONE);
        break;
    }
  }

  #readSize(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (this.#size >= MAX_SIZE) throw malformed("a chunk is too large");
      this.#size = this.#size * 16 + digit;
      this.#state = State.SIZE;
    } else if (this.#state === State.FIRST_DIGIT) {
      throw malformed("a size is missing");
    } else if (byte === CR) {
      this.#state = State.SIZE_LF;
    } else if (byte === 0x3b || byte === 0x20 || byte === 0x09) {
      this.#state = State.EXTENSION;
    } else {
      throw malformed("a size is no number");
    }
  }

  #expect(byte: number, expected: number, next: number): void {
    if (byte !== expected) throw malformed("a line does not end where it must");
    this.#state = next;
  }
}

/** Returns the value of a hexadecimal digit, or -1. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function malformed(reason: string): Error {
  return new Error(`the body is not chunked, as its Transfer-Encoding says: ${reason}`);
}
