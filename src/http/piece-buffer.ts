import type { Readable } from "node:stream";

/** Unread pieces up to which each is handed over as it comes. */
const FEW = 64;
/** Bytes from which on a piece is handed over by itself. */
const LARGE = 4096;
/** Milliseconds that small pieces wait for further ones: at first, and at most. */
const FIRST_DELAY = 10;
const LAST_DELAY = 1000;

/**
 * Hands the pieces of a body to a stream that nobody reads at the moment.
 *
 * A stream counts bytes, but keeps a Buffer for each piece: 65,536 pieces of one byte take 9 MB. Beyond a few of them
 * small ones are put together, until they make up an eighth of what is unread, or fill the stream, or have waited for a
 * moment, as a reader may want more than it was given before it goes on.
 */
export class PieceBuffer {
  readonly #target: Readable;
  readonly #onFull: () => void;
  readonly #onError: (error: unknown) => void;
  /** Pieces that the stream was given since it was last empty. */
  #count = 0;
  #held: Buffer | undefined = undefined;
  #heldLength = 0;
  #delay = FIRST_DELAY;
  #timer: NodeJS.Timeout | undefined = undefined;

  /**
   * @param onFull is called when the stream wants no more
   * @param onError is called with what a listener of the stream throws while pieces are handed over late
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

  /** Hands over what is held: nothing more comes. */
  end(): void {
    this.#flush();
    this.#held = undefined;
  }

  /** Hands over what has waited for long enough; the next will wait longer. */
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

/** Copies a piece that is a small part of what was read at once: it would keep the whole in memory. */
export function detach(chunk: Buffer): Buffer {
  const { byteLength } = chunk.buffer;
  return byteLength > LARGE && chunk.length * 4 < byteLength ? Buffer.from(chunk) : chunk;
}
