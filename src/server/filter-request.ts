import { Readable } from "node:stream";
import type { RequestConsumer, RequestTransport } from "../http/request-transport.ts";

/**
 * A request in the Filter role: what stands between its transport and its consumer, so that the usual requests
 * know nothing of FCGI_DATA.
 *
 * Both streams come over one connection. It is paused when neither wants more: a filter that reads `data` first
 * has the body wait in memory meanwhile.
 *
 * @see FastCGI 1.0, section 6.4
 */
export class FilterRequest implements RequestTransport, RequestConsumer {
  consumer: RequestConsumer | undefined = undefined;
  readonly data: Readable;
  readonly #transport: RequestTransport;
  #wantsStdin = true;
  #wantsData = false;

  constructor(transport: RequestTransport) {
    this.#transport = transport;
    transport.consumer = this;
    this.data = new Readable({
      read: () => {
        this.#wantsData = true;
        transport.resume();
      },
    });
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
  writeStderr(chunk: Uint8Array): void {
    this.#transport.writeStderr(chunk);
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
    this.#transport.resume();
  }

  onStdin(chunk: Buffer): void {
    this.consumer?.onStdin(chunk);
  }
  onStdinEnd(): void {
    this.#wantsStdin = false;
    this.consumer?.onStdinEnd();
  }
  onData(chunk: Buffer): void {
    if (this.data.destroyed || this.data.push(chunk)) return;
    this.#wantsData = false;
    if (!this.#wantsStdin) this.#transport.pause();
  }
  onDataEnd(): void {
    this.#wantsData = false;
    this.data.push(null);
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
