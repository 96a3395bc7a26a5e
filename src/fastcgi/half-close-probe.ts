import { RecordType } from "../protocol/constants.ts";
import { encodeStreamEnd } from "../protocol/record.ts";

const EMPTY = Buffer.alloc(0);
/** Milliseconds until the next probes; further ones follow with each check of the time-outs. */
const DELAYS = [1, 5, 25, 125];

/** What the probe needs of the output of a connection. */
export interface ProbeOutput {
  /** Bytes waiting to be sent. */
  readonly length: number;
  write(bytes: Buffer): void;
}

/**
 * Finds out whether a web server that has ended its side has gone, because FIN alone does not say so.
 *
 * Writing to a closed connection makes its system send RST, which the next write reports. The first write is an empty
 * FCGI_STDERR record, which has no effect on a web server that still reads (section 5.3); later ones are empty.
 */
export class HalfCloseProbe {
  readonly #output: ProbeOutput;

  /** Sends the first probe, and further ones soon. */
  constructor(output: ProbeOutput, requestId: number) {
    this.#output = output;
    output.write(encodeStreamEnd(RecordType.STDERR, requestId));
    for (const delay of DELAYS) setTimeout(() => this.again(), delay).unref();
  }

  /** Sends another probe. */
  again(): void {
    if (this.#output.length === 0) this.#output.write(EMPTY);
  }
}
