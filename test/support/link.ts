import { connect, type Socket } from "node:net";
import { END_REQUEST, Reader, type Received, STDERR, STDOUT } from "./wire.ts";

/** Where an application listens. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** A fault of the application under test. */
export class Failure extends Error {}

/** The case does not apply to this application. */
export class NotApplicable extends Error {}

/** The records of one request, up to FCGI_END_REQUEST. */
export class ReceivedResponse {
  readonly records: Received[] = [];
  /** Content of FCGI_END_REQUEST, once it has arrived. */
  end: Buffer | undefined;
  /** `performance.now()` when FCGI_END_REQUEST came. */
  endedAt = 0;

  /** The content of one stream. */
  stream(type: number): Buffer {
    return Buffer.concat(this.records.filter((r) => r.type === type).map((r) => r.content));
  }

  get stderr(): string {
    return this.stream(STDERR).toString("latin1");
  }

  get stdout(): Buffer {
    return this.stream(STDOUT);
  }

  get appStatus(): number {
    return this.end?.readUInt32BE(0) ?? -1;
  }

  get protocolStatus(): number {
    return this.end?.[4] ?? -1;
  }

  /** The response head without its blank line, and where the body begins; undefined if there is no blank line. */
  get #split(): { head: string; body: number } | undefined {
    const text = this.stdout.toString("latin1");
    const found = /\r?\n\r?\n/.exec(text);
    return found ? { head: text.slice(0, found.index), body: found.index + found[0].length } : undefined;
  }

  get head(): string {
    return this.#split?.head ?? "";
  }

  get body(): Buffer {
    const split = this.#split;
    return split ? this.stdout.subarray(split.body) : Buffer.alloc(0);
  }

  get text(): string {
    return this.body.toString("latin1");
  }

  /** Header fields, names in lower case. */
  get fields(): [name: string, value: string][] {
    const lines = this.head.split(/\r?\n/).filter((line) => line !== "");
    return lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
  }

  field(name: string): string[] {
    return this.fields.filter(([found]) => found === name).map(([, value]) => value);
  }

  /** RFC 3875, 6.3.3: without a Status field it is 200. */
  get status(): number {
    if (!this.#split) return 0;
    return Number.parseInt(this.field("status")[0] ?? "200", 10);
  }
}

/** A FastCGI connection on which the test is the web server. */
export class Link {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #reader = new Reader();
  readonly #open = new Map<number, ReceivedResponse>();
  readonly #ended = new Map<number, ReceivedResponse[]>();
  readonly #waiting = new Set<() => void>();
  /** All records, in the order of arrival. */
  readonly records: Received[] = [];
  /** The number of bytes received. */
  received = 0;
  /** Whether the application closed the connection, by FIN or by RST. */
  isClosed = false;
  /** The first bytes that are not a record, as hex. */
  garbage: string | undefined;

  constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("end", () => this.#close());
    socket.on("close", () => this.#close());
    // A reset counts as a close; the test decides what it means.
    socket.on("error", () => this.#close());
  }

  static open(address: Address, timeoutMs: number): Promise<Link> {
    return new Promise((resolve, reject) => {
      const socket = connect({ ...address, allowHalfOpen: true });
      const fail = (error: Error) => {
        socket.destroy();
        reject(new Failure(`no connection: ${error.message}`));
      };
      const timer = setTimeout(() => fail(new Error("time-out")), timeoutMs);
      socket.once("error", fail);
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.off("error", fail);
        resolve(new Link(socket, timeoutMs));
      });
    });
  }

  #take(chunk: Buffer): void {
    this.received += chunk.length;
    if (this.garbage !== undefined) return;
    for (const record of this.#reader.push(chunk)) {
      if (record.version !== 1) {
        this.garbage = chunk.subarray(0, 16).toString("hex");
        break;
      }
      this.records.push(record);
      this.#sort(record);
    }
    this.#wake();
  }

  #sort(record: Received): void {
    const { id } = record;
    let response = this.#open.get(id);
    if (response === undefined) {
      response = new ReceivedResponse();
      this.#open.set(id, response);
    }
    response.records.push(record);
    if (record.type !== END_REQUEST) return;
    response.end = record.content;
    response.endedAt = performance.now();
    this.#open.delete(id);
    const ended = this.#ended.get(id);
    if (ended) ended.push(response);
    else this.#ended.set(id, [response]);
  }

  #close(): void {
    this.isClosed = true;
    this.#wake();
  }

  #wake(): void {
    for (const check of [...this.#waiting]) check();
  }

  /** Writes bytes. A single buffer is not copied: a test may send it thousands of times. */
  send(...bytes: Uint8Array[]): void {
    if (!this.#socket.writable) return;
    const [first] = bytes;
    this.#socket.write(first !== undefined && bytes.length === 1 ? first : Buffer.concat(bytes));
  }

  /** Writes each part when the kernel has the one before it, so that they are separate segments. */
  async sendApart(...parts: Uint8Array[]): Promise<void> {
    for (const part of parts) {
      if (!this.#socket.writable) return;
      await new Promise<void>((resolve) => this.#socket.write(part, () => resolve()));
    }
  }

  /** Bytes that the kernel has not accepted yet. */
  get unsent(): number {
    return this.#socket.writableLength;
  }

  /** Ends our side: FIN. */
  finish(): void {
    this.#socket.end();
  }

  /** Resets the connection. */
  reset(): void {
    if (this.#socket.remoteAddress === undefined) throw new NotApplicable("a unix socket knows no reset");
    this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Waits until `test` holds. Fails at the time-out, and when the connection closes first. */
  until(what: string, test: () => boolean, timeoutMs: number = this.#timeoutMs): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Failure) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        if (error) reject(error);
        else resolve();
      };
      const check = () => {
        if (test()) settle();
        else if (this.garbage !== undefined) settle(new Failure(`bytes that are no record: ${this.garbage}`));
        else if (this.isClosed) settle(new Failure(`connection closed, expected ${what}`));
      };
      const timer = setTimeout(() => settle(new Failure(`time-out, expected ${what}`)), timeoutMs);
      this.#waiting.add(check);
      check();
    });
  }

  /** Waits for a whole response to request `id`. Each call returns the next one. */
  async response(id: number, timeoutMs?: number): Promise<ReceivedResponse> {
    await this.until(`END_REQUEST of request ${id}`, () => this.hasEnded(id), timeoutMs);
    return this.#ended.get(id)!.shift()!;
  }

  /** Whether a whole response to request `id` has arrived that was not returned yet. */
  hasEnded(id: number): boolean {
    return (this.#ended.get(id)?.length ?? 0) > 0;
  }

  /** The unfinished response to request `id`. */
  begun(id: number): ReceivedResponse {
    return this.#open.get(id) ?? new ReceivedResponse();
  }

  /** Waits until the stdout of request `id` contains `text`. */
  async output(id: number, text: string): Promise<void> {
    await this.until(`"${text}" in stdout`, () => this.begun(id).stdout.includes(text));
  }

  /** Waits for the application to close. */
  closed(timeoutMs: number = this.#timeoutMs): Promise<void> {
    return this.until("the connection to be closed", () => this.isClosed, timeoutMs);
  }
}
