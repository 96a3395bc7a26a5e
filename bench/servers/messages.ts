import type { Address } from "../processes.ts";

/** What the runner asks of a server. */
export type ServerCommand = "memory" | "held" | "release";

/** Memory of a server after its garbage was collected. */
export interface ServerMemory {
  readonly residentBytes: number;
  /** Objects and buffers. */
  readonly usedBytes: number;
}

/** Message that a server sends once it listens. */
export interface Listening {
  readonly address: Address;
}
