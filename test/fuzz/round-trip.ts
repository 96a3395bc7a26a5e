import { connect } from "node:net";
import * as wire from "../support/wire.ts";
import type { Input } from "./input.ts";

/** Longer than any time-out of the server under test. */
const PATIENCE_MS = 10_000;

/** Time without progress after which a peer that left responses unread reads them. */
const UNREAD_MS = 30;

/**
 * Plays one input on a new connection. Returns the problem of the response, or undefined.
 *
 * @param onConnect called with the local port
 */
export function play(
  port: number,
  input: Input,
  onConnect: (localPort: number) => void = () => {},
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const checker = new ResponseChecker(input);
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const finish = (problem?: string): void => {
      clearTimeout(timer);
      clearTimeout(unread);
      socket.destroy();
      resolve(problem ?? checker.problem);
    };
    const timer = setTimeout(() => finish("the server did not close the connection"), PATIENCE_MS);
    socket.on("connect", () => onConnect(socket.localPort ?? 0));
    let unread: NodeJS.Timeout | undefined;
    socket.on("data", (chunk) => checker.push(chunk));
    // ECONNREFUSED means that the server is gone; a reset is a valid end.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") finish(`no connection: ${error.code}`);
    });
    socket.on("end", () => socket.end());
    socket.on("close", () => finish(input.isValid ? checker.finalProblem : undefined));
    let start = 0;
    const pieces = [...input.cuts, input.bytes.length].map((end) => {
      const piece = input.bytes.subarray(start, end);
      start = end;
      return piece;
    });
    if (input.isUnread) socket.pause();
    const send = (): void => {
      if (input.isUnread) {
        clearTimeout(unread);
        unread = setTimeout(() => socket.resume(), UNREAD_MS);
      }
      const piece = pieces.shift();
      if (piece !== undefined) {
        // Writes the next piece when the kernel has this one, so that they are usually read apart.
        if (!socket.destroyed && socket.writable) socket.write(piece, send);
      } else if (input.ending === "stay") return;
      else if (input.ending === "fin") socket.end();
      else if (input.ending === "reset") socket.resetAndDestroy();
      else socket.destroy();
    };
    send();
  });
}

/** Checks what holds for every response. */
class ResponseChecker {
  problem: string | undefined;
  readonly #reader = new wire.Reader();
  readonly #isValid: boolean;
  readonly #begun: number;
  /** Whether the bytes look like HTTP, which gets an HTTP response. */
  readonly #isHTTP: boolean;
  readonly #stdout: Map<number, "open" | "closed"> = new Map();
  #ended = 0;

  constructor(input: Input) {
    this.#isValid = input.isValid;
    this.#begun = countBegins(input.bytes);
    this.#isHTTP = /^[A-Z][A-Z-]{2,} /.test(input.bytes.toString("latin1", 0, 32));
  }

  push(chunk: Buffer): void {
    if (this.#isHTTP) return;
    for (const record of this.#reader.push(chunk)) {
      if (this.problem === undefined) this.problem = this.#check(record);
    }
  }

  /** The problem of the responses to a valid input when the connection has ended. */
  get finalProblem(): string | undefined {
    if (this.#ended === this.#begun) return undefined;
    return `${this.#begun} requests, ${this.#ended} responses`;
  }

  #check(record: wire.Received): string | undefined {
    const { type, id, content } = record;
    if (record.version === 0 && !this.#isValid) return undefined; // tells that a response is broken
    if (record.version !== 1) return `version ${record.version}`;
    if (record.padding.some((byte) => byte !== 0)) return "padding that is not zero";
    switch (type) {
      case wire.STDOUT: {
        const state = this.#stdout.get(id);
        if (state === "closed") return `STDOUT of request ${id} after its end`;
        if (state === undefined && content.length > 0 && !content.toString("latin1").startsWith("Status: ")) {
          return `STDOUT of request ${id} begins with ${JSON.stringify(content.toString("latin1", 0, 20))}`;
        }
        this.#stdout.set(id, content.length === 0 ? "closed" : "open");
        return undefined;
      }
      case wire.STDERR:
        return undefined;
      case wire.END_REQUEST:
        this.#stdout.delete(id);
        this.#ended++;
        if (content.length !== 8) return "END_REQUEST of a wrong length";
        return this.#ended > this.#begun ? "more responses than requests" : undefined;
      case wire.GET_VALUES_RESULT:
        return id === 0 && wire.readPairs(content) !== undefined ? undefined : "GET_VALUES_RESULT is broken";
      case wire.UNKNOWN_TYPE:
        return id === 0 && content.length === 8 ? undefined : "UNKNOWN_TYPE is broken";
      default:
        return `a record of type ${type}`;
    }
  }
}

/** How many requests begin, as far as the bytes are records. */
function countBegins(bytes: Buffer): number {
  // A request begins with the content of its record: padding that never came does not matter.
  const records = new wire.Reader().push(Buffer.concat([bytes, Buffer.alloc(255)]));
  return records.filter(({ version, type }) => version === 1 && type === wire.BEGIN_REQUEST).length;
}
