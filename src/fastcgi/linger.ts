/** Bytes per second that extend `lingerTimeout`: a slow upload behind Caddy 2.6 keeps this pace, a byte now and then not. */
const LEAST_PACE = 16_384;

/**
 * Drains input after the last response, up to a length and a time: closing with unread input would send RST, and the web
 * server would lose the response.
 */
export class Linger {
  #startTick: number;
  #length = 0;
  readonly #maxLength: number;

  constructor(tick: number, maxLength: number) {
    this.#startTick = tick;
    this.#maxLength = maxLength;
  }

  /** Starts the time and the length again, while the response is still being sent or STDIN is read. */
  restart(tick: number): void {
    this.#startTick = tick;
    this.#length = 0;
  }

  /** Counts drained input. Returns false beyond the limit: input has to wait then until `timeout` has passed. */
  drain(length: number, tick: number): boolean {
    if (this.#length > this.#maxLength) return false;
    this.#length += length;
    if (this.#length <= this.#maxLength) return true;
    this.#startTick = tick;
    return false;
  }

  /**
   * Whether the time is over at `tick`: `timeout` from the start, extended by a second for each 16,384 bytes, but no more
   * than `maxTime`, unless that is 0. Times are milliseconds.
   */
  isOver(tick: number, tickLength: number, timeout: number, maxTime: number): boolean {
    const age = (tick - this.#startTick) * tickLength;
    if (maxTime > 0 && age >= maxTime) return true;
    const earned = this.#length > this.#maxLength ? 0 : (this.#length / LEAST_PACE) * 1000;
    return age >= timeout + earned;
  }
}
