import type { Readable } from "node:stream";

/** Pieces that are pushed as they come before small ones are combined. */
const FEW = 64;
/** Length in bytes from which on a piece is pushed by itself. */
const LARGE = 4096;
/** Milliseconds that small pieces wait for further ones: the first time, and at most. */
const FIRST_DELAY = 10;
const LAST_DELAY = 1000;

/**
 * Pushes the pieces of a body into a stream that is not being read, and combines small ones.
 *
 * A stream counts bytes, but keeps a Buffer per piece: 65,536 pieces of one byte take 9 MB. After the first few, small
 * pieces are copied into one until they make up an eighth of the unread bytes, fill the stream, or a delay has passed,
 * because a reader may wait for more than the stream holds. The delay doubles each time.
 */
export class PieceBuffer {
  readonly #target: Readable;
  readonly #onFull: () => void;
  readonly #onError: (error: unknown) => void;
  /** Pieces that were pushed since the stream was last empty. */
  #count = 0;
  #held: Buffer | undefined = undefined;
  #heldLength = 0;
  #delay = FIRST_DELAY;
  #timer: NodeJS.Timeout | undefined = undefined;

  /**
   * @param onFull called when the stream has reached its high-water mark
   * @param onError called with an exception of a listener of the stream, if pieces were pushed by the timer
   */
  constructor(target: Readable, onFull: () => void, onError: (error: unknown) => void) {
    this.#target = target;
    this.#onFull = onFull;
    this.#onError = onError;
  }

  push(chunk: Buffer): void {
    const unread = this.#target.readableLength;
    if (unread === 0) {
      this.#count = 0;
      this.#delay = FIRST_DELAY;
    }
    if (this.#count < FEW || chunk.length >= LARGE) {
      this.#flush();
      this.#give(detach(chunk));
      return;
    }
    if (this.#heldLength + chunk.length > LARGE) this.#flush();
    this.#held ??= Buffer.allocUnsafeSlow(LARGE);
    this.#heldLength += chunk.copy(this.#held, this.#heldLength);
    const most = this.#target.readableHighWaterMark;
    const fills = unread < most && unread + this.#heldLength >= most;
    if (fills || this.#heldLength * 8 >= unread) this.#flush();
    else this.#timer ??= setTimeout(flushLate, this.#delay, this).unref();
  }

  /** Pushes what is held: nothing more comes. */
  end(): void {
    this.#flush();
    this.#held = undefined;
  }

  /** Pushes what has waited for the delay, and doubles that. */
  flushLate(): void {
    this.#delay = Math.min(this.#delay * 2, LAST_DELAY);
    try {
      this.#flush();
    } catch (error) {
      this.#onError(error);
    }
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#heldLength === 0 || this.#held === undefined) return;
    const piece = Buffer.from(this.#held.subarray(0, this.#heldLength));
    this.#heldLength = 0;
    this.#give(piece);
  }

  #give(piece: Buffer): void {
    this.#count++;
    if (!this.#target.destroyed && !this.#target.push(piece)) this.#onFull();
  }
}

function flushLate(pieces: PieceBuffer): void {
  pieces.flushLate();
}

/** Copies a piece that is a small part of its memory, which it would keep from being freed. */
export function detach(chunk: Buffer): Buffer {
  const { byteLength } = chunk.buffer;
  return byteLength > LARGE && chunk.length * 4 < byteLength ? Buffer.from(chunk) : chunk;
}
