import { Readable } from "node:stream";
import { PieceBuffer } from "../http/piece-buffer.ts";
import type { RequestConsumer, RequestTransport } from "../http/request-transport.ts";

/**
 * A request in the Filter role: what stands between its transport and its consumer, so that the usual requests
 * know nothing of FCGI_DATA.
 *
 * Both streams come over one connection. It is paused when neither wants more: a filter that reads `data` first
 * has the body wait in memory meanwhile, up to a limit.
 *
 * @see FastCGI 1.0, section 6.4
 */
export class FilterRequest implements RequestTransport, RequestConsumer {
  consumer: RequestConsumer | undefined = undefined;
  readonly data: Readable;
  readonly #transport: RequestTransport;
  readonly #pieces: PieceBuffer;
  readonly #maxBuffered: number;
  readonly #onOverflow: () => void;
  #wantsStdin = true;
  #wantsData = false;
  /** Bytes of either stream that came while it wanted none. */
  #bufferedStdin = 0;
  #bufferedData = 0;

  /**
   * @param maxBuffered bytes of one stream that may wait while the other one is awaited
   * @param onOverflow is called when there are more: the request cannot go on
   */
  constructor(transport: RequestTransport, maxBuffered: number, onOverflow: () => void) {
    this.#transport = transport;
    this.#maxBuffered = maxBuffered;
    this.#onOverflow = onOverflow;
    transport.consumer = this;
    this.data = new Readable({
      read: () => {
        this.#wantsData = true;
        this.#bufferedData = 0;
        transport.resume();
      },
    });
    this.#pieces = new PieceBuffer(
      this.data,
      () => {
        this.#wantsData = false;
        if (!this.#wantsStdin) transport.pause();
      },
      (error) => this.#fail(error),
    );
    // Who does not read it need not hear that it broke off.
    this.data.on("error", () => {});
  }

  get params(): Buffer {
    return this.#transport.params;
  }
  get role(): number {
    return this.#transport.role;
  }
  get appStatus(): number {
    return this.#transport.appStatus;
  }
  set appStatus(status: number) {
    this.#transport.appStatus = status;
  }
  get writableLength(): number {
    return this.#transport.writableLength;
  }
  get highWaterMark(): number {
    return this.#transport.highWaterMark;
  }
  writeHTTP(text: string, encoding: BufferEncoding): void {
    this.#transport.writeHTTP(text, encoding);
  }
  write(data: string | Uint8Array, encoding: BufferEncoding): void {
    this.#transport.write(data, encoding);
  }
  makeRoom(): boolean {
    return this.#transport.makeRoom();
  }
  awaitDrain(): boolean {
    return this.#transport.awaitDrain();
  }
  flush(isComplete: boolean): void {
    this.#transport.flush(isComplete);
  }
  whenSent(callback: () => void): void {
    this.#transport.whenSent(callback);
  }
  writeStderr(chunk: Uint8Array, callback: (error?: Error | null) => void): void {
    this.#transport.writeStderr(chunk, callback);
  }
  discard(): void {
    this.#transport.discard();
  }
  abort(): void {
    this.data.destroy();
    this.#transport.abort();
  }

  pause(): void {
    this.#wantsStdin = false;
    if (!this.#wantsData) this.#transport.pause();
  }
  resume(): void {
    this.#wantsStdin = true;
    this.#bufferedStdin = 0;
    this.#transport.resume();
  }

  onStdin(chunk: Buffer): void {
    if (!this.#wantsStdin) this.#bufferedStdin += chunk.length;
    this.consumer?.onStdin(chunk);
    this.#checkBuffered();
  }
  onStdinEnd(): void {
    this.#wantsStdin = false;
    this.consumer?.onStdinEnd();
  }
  onData(chunk: Buffer): void {
    if (this.data.destroyed) return;
    if (!this.#wantsData) this.#bufferedData += chunk.length;
    try {
      this.#pieces.push(chunk);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#checkBuffered();
  }
  onDataEnd(): void {
    this.#wantsData = false;
    try {
      this.#pieces.end();
      this.data.push(null);
    } catch (error) {
      this.#fail(error);
    }
  }
  /** A listener of `data` threw: it hears no more. */
  #fail(error: unknown): void {
    this.data.destroy();
    this.consumer?.fail?.(error);
  }
  #checkBuffered(): void {
    if (this.#bufferedStdin + this.#bufferedData <= this.#maxBuffered) return;
    this.#bufferedStdin = 0;
    this.#bufferedData = 0;
    this.#onOverflow();
  }
  onFlushed(): void {
    this.consumer?.onFlushed();
  }
  onDrain(): void {
    this.consumer?.onDrain();
  }
  get isReading(): boolean {
    return this.consumer?.isReading ?? false;
  }
  onAbort(error?: Error, isReported?: boolean): void {
    if (!this.data.readableEnded)
      this.data.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" }));
    this.consumer?.onAbort(error, isReported);
  }
}
