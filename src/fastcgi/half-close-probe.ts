import { RecordType } from "../protocol/constants.ts";
import { encodeStreamEnd } from "../protocol/record.ts";
import type { OutputScheduler } from "./output-scheduler.ts";

const EMPTY = Buffer.alloc(0);
/** Milliseconds after which a peer that may be gone is asked again; then at every sweep. */
const DELAYS = [1, 5, 25, 125];

/**
 * Finds out whether a peer is gone or has only ended its side, as FIN says no more than that: writing to a closed
 * connection brings a reset, and the next write hears of it. An empty FCGI_STDERR means nothing to a peer that
 * still reads (5.3), later writes are empty altogether.
 */
export class HalfCloseProbe {
  readonly #output: OutputScheduler;

  /** Asks for the first time, and again soon. */
  constructor(output: OutputScheduler, requestId: number) {
    this.#output = output;
    output.write(encodeStreamEnd(RecordType.STDERR, requestId));
    for (const delay of DELAYS) setTimeout(() => this.again(), delay).unref();
  }

  /** Asks once more. */
  again(): void {
    if (this.#output.isEmpty) this.#output.write(EMPTY);
  }
}
