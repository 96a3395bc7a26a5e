import type { RequestConsumer, RequestTransport } from "../../src/http/request-transport.ts";
import { Role } from "../../src/protocol/constants.ts";

/** A request in memory: keeps the output, and does what a test says. */
export class MemoryTransport implements RequestTransport {
  readonly params: Buffer;
  role: number = Role.RESPONDER;
  appStatus = 0;
  writableLength = 0;
  highWaterMark = 16_384;
  consumer: RequestConsumer | undefined = undefined;
  /** Output that was flushed. */
  output = "";
  stderr = "";
  /** What the socket has called, but for writes, in order. */
  readonly calls: string[] = [];
  /** Whether there is room for more output. */
  hasRoom = true;
  #queued = "";
  #sent: (() => void)[] = [];

  constructor(params: Buffer = Buffer.alloc(0)) {
    this.params = params;
  }

  /** Lets the output leave the process. */
  send(): void {
    this.writableLength = 0;
    const sent = this.#sent;
    this.#sent = [];
    for (const callback of sent) callback();
  }

  writeHTTP(text: string, encoding: BufferEncoding): void {
    this.write(text.replace("HTTP/1.1 ", "Status: "), encoding);
  }
  write(data: string | Uint8Array, encoding: BufferEncoding): void {
    this.#queued += (typeof data === "string" ? Buffer.from(data, encoding) : Buffer.from(data)).toString(
      "latin1",
    );
  }
  makeRoom(): boolean {
    return this.hasRoom;
  }
  awaitDrain(): boolean {
    return !this.hasRoom;
  }
  flush(isComplete: boolean): void {
    this.output += this.#queued;
    this.#queued = "";
    this.calls.push(isComplete ? "end" : "flush");
    this.consumer?.onFlushed();
  }
  whenSent(callback: () => void): void {
    this.#sent.push(callback);
  }
  writeStderr(chunk: Uint8Array, callback: (error?: Error | null) => void): void {
    this.stderr += Buffer.from(chunk).toString();
    callback();
  }
  pause(): void {
    this.calls.push("pause");
  }
  resume(): void {
    this.calls.push("resume");
  }
  discard(): void {
    this.calls.push("discard");
  }
  abort(): void {
    this.calls.push("abort");
  }
}
