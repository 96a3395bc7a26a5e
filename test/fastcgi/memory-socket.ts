import { EventEmitter } from "node:events";
import type { OutputSocket } from "../../src/fastcgi/output-scheduler.ts";
import { Reader, type Received } from "../support/wire.ts";

/**
 * The writable side of a socket, in memory. While it is blocked, it keeps what is written, as a socket does whose other
 * end does not read.
 */
export class MemorySocket extends EventEmitter implements OutputSocket {
  destroyed = false;
  writable = true;
  writableEnded = false;
  readonly writableHighWaterMark = 16384;
  writableLength = 0;
  writableNeedDrain = false;
  /** Buffers as they were given to `write()`, not copied. */
  readonly writes: Uint8Array[] = [];
  readonly #sent: Buffer[] = [];
  readonly #waiting: { bytes: Uint8Array; callback: ((error?: Error | null) => void) | undefined }[] = [];
  #isBlocked = false;

  cork(): void {}
  uncork(): void {}

  write(bytes: Uint8Array, callback?: (error?: Error | null) => void): boolean {
    this.writes.push(bytes);
    if (!this.#isBlocked) {
      this.#sent.push(Buffer.from(bytes));
      if (callback !== undefined) process.nextTick(callback);
      return true;
    }
    this.#waiting.push({ bytes, callback });
    this.writableLength += bytes.length;
    if (this.writableLength >= this.writableHighWaterMark) this.writableNeedDrain = true;
    return !this.writableNeedDrain;
  }

  /** Sends nothing from now on. */
  block(): void {
    this.#isBlocked = true;
  }

  /** Sends what waits; blocks again at once if `again` is set. */
  unblock(again = false): void {
    this.#isBlocked = again;
    for (const { bytes, callback } of this.#waiting.splice(0)) {
      this.#sent.push(Buffer.from(bytes));
      callback?.();
    }
    this.writableLength = 0;
    if (!this.writableNeedDrain) return;
    this.writableNeedDrain = false;
    this.emit("drain");
  }

  /** The records sent so far. */
  get records(): Received[] {
    return new Reader().push(Buffer.concat(this.#sent));
  }

  /** The records sent so far, in short: type, id and length of the content. */
  get summary(): string[] {
    return this.records.map(({ type, id, content }) => `${type}:${id}:${content.length}`);
  }
}
