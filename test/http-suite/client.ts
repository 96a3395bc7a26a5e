import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTLS } from "node:tls";
import type { Address } from "./target.ts";

/** A response as it came over the wire. */
export interface HTTPResponse {
  readonly httpVersion: string;
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Names as sent, values as Latin-1, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** The status codes of the 1xx responses before it. */
  readonly informational: readonly number[];
  readonly body: Buffer;
  /** Whether the framing says that this is the whole response. */
  readonly complete: boolean;
}

/** The head of a response. */
export type HTTPResponseHead = Omit<HTTPResponse, "body" | "complete">;

/** Returns the values of a response field. */
export function values(response: HTTPResponseHead, name: string): string[] {
  return response.fields
    .filter(([key]) => key.toLowerCase() === name.toLowerCase())
    .map(([, value]) => value);
}

/** Returns the value of a response field that is there at most once. */
export function value(response: HTTPResponseHead, name: string): string | undefined {
  const all = values(response, name);
  assert.ok(all.length < 2, `${name} came ${all.length} times`);
  return all[0];
}

/** An HTTP/1.1 connection on which the case controls every byte and reads on demand. */
export class Connection {
  readonly socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #ended = false;
  #failed: Error | undefined;

  private constructor(socket: Socket, signal: AbortSignal) {
    this.socket = socket;
    const stop = () => socket.destroy(new Error("the time for the case is up"));
    signal.addEventListener("abort", stop);
    socket.on("error", (error) => {
      this.#failed = error;
    });
    socket.on("end", () => {
      this.#ended = true;
    });
    socket.on("close", () => {
      this.#ended = true;
      signal.removeEventListener("abort", stop);
    });
  }

  static async open(address: Address, signal: AbortSignal, tls = false): Promise<Connection> {
    const { host, port } = address;
    const socket = tls ? connectTLS({ host, port, rejectUnauthorized: false }) : connect({ host, port });
    const connection = new Connection(socket, signal);
    await once(socket, tls ? "secureConnect" : "connect", { signal });
    return connection;
  }

  /** Whether the other side closed or reset the connection, as far as was read. */
  get closed(): boolean {
    return this.#ended && this.#buffer.length === 0;
  }

  /** Writes bytes; a string is Latin-1. Resolves when there is room for more. */
  async write(bytes: string | Buffer): Promise<void> {
    const socket = this.socket;
    if (this.#failed) throw this.#failed;
    if (socket.write(bytes as string, "latin1") || socket.destroyed) return;
    await new Promise<void>((resolve, reject) => {
      const done = () => {
        socket.off("drain", done).off("close", done);
        this.#failed ? reject(this.#failed) : resolve();
      };
      socket.on("drain", done).on("close", done);
    });
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Ends the connection with RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Reads a response to a request of that method. */
  async response(method = "GET"): Promise<HTTPResponse> {
    const head = await this.head();
    const chunks: Buffer[] = [];
    const body = this.body(head, method);
    let next = await body.next();
    while (!next.done) {
      chunks.push(next.value);
      next = await body.next();
    }
    return { ...head, body: Buffer.concat(chunks), complete: next.value };
  }

  /** Reads up to the end of the next final response head. */
  async head(): Promise<HTTPResponseHead> {
    const informational: number[] = [];
    for (;;) {
      const text = await this.#readUntil("\r\n\r\n");
      const [statusLine = "", ...lines] = text.split("\r\n");
      const match = /^HTTP\/(\d\.\d) (\d{3})(?: (.*))?$/.exec(statusLine);
      assert.ok(match, `not a status line: ${JSON.stringify(statusLine.slice(0, 200))}`);
      const statusCode = Number(match[2]);
      if (statusCode < 200 && statusCode !== 101) {
        informational.push(statusCode);
        continue;
      }
      const fields = lines.map((line): [string, string] => {
        const colon = line.indexOf(":");
        assert.ok(colon > 0, `not a field line: ${JSON.stringify(line)}`);
        return [line.slice(0, colon), line.slice(colon + 1).trim()];
      });
      return {
        httpVersion: match[1] ?? "",
        statusCode,
        statusMessage: match[3] ?? "",
        fields,
        informational,
      };
    }
  }

  /** Reads one interim (1xx) response and gives its status code. */
  async interim(): Promise<number> {
    const text = await this.#readUntil("\r\n\r\n");
    const status = Number(/^HTTP\/1\.1 (1\d\d)/.exec(text)?.[1]);
    assert.ok(status, `not an interim response: ${JSON.stringify(text)}`);
    return status;
  }

  /** Yields the body as it comes, and returns whether it came to its end. */
  async *body(head: HTTPResponseHead, method = "GET"): AsyncGenerator<Buffer, boolean> {
    if (method === "HEAD" || head.statusCode === 204 || head.statusCode === 304) return true;
    if (value(head, "transfer-encoding") !== undefined) {
      assert.equal(value(head, "transfer-encoding")?.toLowerCase(), "chunked");
      return yield* this.#chunked();
    }
    const length = value(head, "content-length");
    if (length !== undefined) {
      assert.match(length, /^\d+$/);
      return yield* this.#exactly(Number(length));
    }
    for (;;) {
      if (this.#buffer.length > 0) yield this.#take(this.#buffer.length);
      // A connection that ends with RST does not tell the end of the body.
      else if (!(await this.#fill())) return this.#failed === undefined;
    }
  }

  async *#exactly(length: number): AsyncGenerator<Buffer, boolean> {
    for (let left = length; left > 0; ) {
      if (this.#buffer.length === 0 && !(await this.#fill())) return false;
      const bytes = this.#take(Math.min(left, this.#buffer.length));
      left -= bytes.length;
      yield bytes;
    }
    return true;
  }

  async *#chunked(): AsyncGenerator<Buffer, boolean> {
    for (;;) {
      const line = await this.#line();
      if (line === undefined) return false;
      assert.match(line, /^[0-9a-fA-F]+(;.*)?$/, `not a chunk length: ${JSON.stringify(line)}`);
      const length = Number.parseInt(line, 16);
      if (length === 0) break;
      if (!(yield* this.#exactly(length))) return false;
      const end = await this.#line();
      if (end === undefined) return false;
      assert.equal(end, "", "a chunk is longer than it says");
    }
    for (;;) {
      const trailer = await this.#line();
      if (trailer === undefined) return false;
      if (trailer === "") return true;
    }
  }

  async #line(): Promise<string | undefined> {
    return await this.#readUntil("\r\n").catch(() => undefined);
  }

  async #readUntil(mark: string): Promise<string> {
    for (;;) {
      const index = this.#buffer.indexOf(mark);
      if (index >= 0) {
        const text = this.#take(index).toString("latin1");
        this.#take(mark.length);
        return text;
      }
      if (!(await this.#fill())) {
        const rest = JSON.stringify(this.#buffer.toString("latin1").slice(0, 200));
        throw new Error(`the connection ended early (${this.#failed?.message ?? "FIN"}) after ${rest}`);
      }
    }
  }

  #take(length: number): Buffer {
    const bytes = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return bytes;
  }

  async #fill(): Promise<boolean> {
    for (;;) {
      const bytes: Buffer | null = this.socket.read();
      if (bytes !== null) {
        this.#buffer = this.#buffer.length > 0 ? Buffer.concat([this.#buffer, bytes]) : bytes;
        return true;
      }
      if (this.#ended) return false;
      await new Promise<void>((resolve) => {
        const done = () => {
          this.socket.off("readable", done).off("end", done).off("close", done);
          resolve();
        };
        this.socket.on("readable", done).on("end", done).on("close", done);
      });
    }
  }

  /** Resolves when the connection is closed or reset. Discards further input. */
  async whenClosed(): Promise<void> {
    while (await this.#fill()) this.#buffer = Buffer.alloc(0);
  }
}
