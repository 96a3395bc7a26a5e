/**
 * Bytes per second that the rest of a body must come with, beyond `lingerTimeout`. A slow upload behind Caddy 2.6
 * keeps this pace; who sends a byte now and then does not.
 */
const LEAST_PACE = 16_384;

/** How long an ended connection drains its input, so that closing it does not reset it under the last response. */
export class Linger {
  #startTick: number;
  #length = 0;
  readonly #maxLength: number;

  constructor(tick: number, maxLength: number) {
    this.#startTick = tick;
    this.#maxLength = maxLength;
  }

  /** Starts anew: what came so far was not drained in vain. */
  restart(tick: number): void {
    this.#startTick = tick;
    this.#length = 0;
  }

  /** Counts drained input; returns false when it is enough: only `timeout` is left then. */
  drain(length: number, tick: number): boolean {
    if (this.#length > this.#maxLength) return false;
    this.#length += length;
    if (this.#length <= this.#maxLength) return true;
    this.#startTick = tick;
    return false;
  }

  /**
   * Whether the time is over at `tick`: `timeout` from the start, and a second for each 16,384 bytes, but never more
   * than `maxTime`, unless that is 0.
   */
  isOver(tick: number, tickLength: number, timeout: number, maxTime: number): boolean {
    const age = (tick - this.#startTick) * tickLength;
    if (maxTime > 0 && age >= maxTime) return true;
    const earned = this.#length > this.#maxLength ? 0 : (this.#length / LEAST_PACE) * 1000;
    return age >= timeout + earned;
  }
}
