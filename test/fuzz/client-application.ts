/** A hostile FastCGI application: what the client is fuzzed with. It shares nothing with the library. */
import { once } from "node:events";
import net, { type Socket } from "node:net";
import type { Random } from "../support/random.ts";
import * as wire from "../support/wire.ts";

/** What the application does with a request, or with the connection below it. */
export type Plan = (typeof HOSTILE)[number] | "valid";

const HOSTILE = [
  "valid",
  "valid",
  "late",
  "late",
  "end twice",
  "wrong id",
  "stall",
  "partial and reset",
  "partial and fin",
  "endless head",
  "bad head",
  "empty",
  "refuse",
  "stderr flood",
  "tiny records",
  "large",
  "not for an application",
  "unasked values",
  "unknown type",
  "after the stream's end",
  "garbage",
  "lying header",
] as const;

/** Plans after which the bytes of the connection may not be records any more. */
const UNFRAMED: ReadonlySet<Plan> = new Set(["garbage", "lying header"]);

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The body of a whole response to a request. */
export function bodyOf(token: string, count: number): string {
  return `[${token}]`.repeat(count);
}

/** The plan of a session. The same seed and index give the same plan, apart from timing. */
export class Script {
  readonly random: Random;
  readonly isValid: boolean;
  /** Whether all bytes so far were records. */
  isFramed = true;

  constructor(random: Random, isValid: boolean) {
    this.random = random;
    this.isValid = isValid;
  }

  plan(): Plan {
    const plan = this.isValid ? "valid" : this.random.pick(HOSTILE);
    if (UNFRAMED.has(plan)) this.isFramed = false;
    return plan;
  }
}

/** The application, on a socket of its own; one session at a time. */
export class HostileApplication {
  readonly #path: string | undefined;
  readonly #server: net.Server;
  readonly #sockets: Set<Socket> = new Set();
  script: Script | undefined;

  /** @param path of a unix socket; a TCP port if left out, which can be reset */
  constructor(path?: string) {
    this.#path = path;
    this.#server = net.createServer({ allowHalfOpen: false }, (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
      if (this.script === undefined) socket.destroy();
      else new HostileConnection(socket, this.script);
    });
  }

  get target(): string | number {
    const address = this.#server.address();
    return typeof address === "string" ? address : address!.port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async start(): Promise<void> {
    this.#server.listen(this.#path === undefined ? { port: 0, host: "127.0.0.1" } : { path: this.#path });
    await once(this.#server, "listening");
  }

  /** Ends a session. Connections that only the application holds are closed here. */
  async reset(): Promise<void> {
    this.script = undefined;
    for (const socket of this.#sockets) socket.destroy();
    while (this.#sockets.size > 0) await turn();
  }

  async stop(): Promise<void> {
    this.#server.close();
    await this.reset();
  }
}

interface Received {
  token: string;
  count: number;
  keepConn: boolean;
  params: Buffer[];
  hasEnded: boolean;
}

class HostileConnection {
  readonly #socket: Socket;
  readonly #script: Script;
  readonly #random: Random;
  readonly #requests: Map<number, Received> = new Map();

  constructor(socket: Socket, script: Script) {
    this.#socket = socket;
    this.#script = script;
    this.#random = script.random;
    const reader = new wire.Reader();
    socket.on("data", (chunk) => {
      for (const record of reader.push(chunk)) this.#receive(record);
    });
  }

  #receive({ type, id, content }: wire.Received): void {
    const request = this.#requests.get(id);
    if (type === wire.GET_VALUES) this.#respondToValues();
    else if (type === wire.BEGIN_REQUEST) {
      const keepConn = (content[2]! & wire.KEEP_CONN) !== 0;
      this.#requests.set(id, { token: "", count: 0, keepConn, params: [], hasEnded: false });
    } else if (request === undefined) return;
    else if (type === wire.PARAMS && content.length > 0) request.params.push(content);
    else if (type === wire.PARAMS) {
      const params = new Map(wire.readPairs(Buffer.concat(request.params)));
      request.token = params.get("TOKEN") ?? "";
      request.count = Number(params.get("COUNT"));
      void this.#respond(id, request, this.#script.plan());
    } else if (type === wire.ABORT_REQUEST) void this.#onAbort(id, request);
  }

  #write(...buffers: Buffer[]): void {
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(Buffer.concat(buffers));
  }

  #end(id: number, status = 0, protocolStatus = 0): Buffer {
    const content = Buffer.alloc(8);
    content.writeUInt32BE(status);
    content[4] = protocolStatus;
    return wire.record(wire.END_REQUEST, id, content, { padding: this.#random.pick([0, 0, 7, 255]) });
  }

  #stdout(id: number, text: string): Buffer {
    return wire.record(wire.STDOUT, id, text, { padding: this.#random.pick([0, 0, 3, 255]) });
  }

  #finish(id: number, request: Received, ...more: Buffer[]): void {
    if (request.hasEnded) return;
    request.hasEnded = true;
    this.#write(...more, wire.record(wire.STDOUT, id), this.#end(id));
    if (!request.keepConn && this.#random.chance(0.7)) this.#socket.end();
  }

  async #onAbort(id: number, request: Received): Promise<void> {
    const kind = this.#script.isValid ? 0 : this.#random.integer(0, 3);
    if (kind === 0) this.#finish(id, request);
    else if (kind === 1) {
      // As Go's net/http/fcgi does: confirms the abort while the handler goes on.
      this.#finish(id, request);
      await turn();
      this.#write(this.#stdout(id, bodyOf(request.token, 3)), this.#end(id));
    } else if (kind === 2) {
      for (let turns = this.#random.integer(1, 5); turns > 0; turns--) await turn();
      this.#finish(id, request);
    }
  }

  #respondToValues(): void {
    const valid = wire.pairs([
      ["FCGI_MPXS_CONNS", this.#random.pick(["1", "1", "0"])],
      ["FCGI_MAX_REQS", this.#random.pick(["1", "5", "100"])],
    ]);
    if (this.#script.isValid) {
      this.#write(wire.record(wire.GET_VALUES_RESULT, 0, valid));
      return;
    }
    const odd = wire.pairs([
      ["FCGI_MPXS_CONNS", this.#random.pick(["1", "yes", ""])],
      ["FCGI_MAX_CONNS", this.#random.pick(["-1", "0", "1", "1e99", "x"])],
      ["FCGI_MAX_REQS", this.#random.pick(["-1", "0", "0.1", "NaN"])],
      ["__proto__", "1"],
    ]);
    const unknown = wire.record(wire.UNKNOWN_TYPE, 0, Buffer.from([wire.GET_VALUES, 0, 0, 0, 0, 0, 0, 0]));
    const response = this.#random.pick<Buffer | undefined>([
      wire.record(wire.GET_VALUES_RESULT, 0, valid),
      wire.record(wire.GET_VALUES_RESULT, 0, odd),
      wire.record(wire.GET_VALUES_RESULT, 0, Buffer.of(255, 255, 255)),
      wire.record(wire.GET_VALUES_RESULT, 0),
      unknown,
      this.#random.bytes(20),
      undefined,
    ]);
    if (response === undefined) this.#socket.destroy();
    else this.#write(response);
  }

  async #respond(id: number, request: Received, plan: Plan): Promise<void> {
    const random = this.#random;
    const { token, count } = request;
    const head = `Status: 200 OK\r\nX-Token: ${token}\r\n\r\n`;
    const part = this.#stdout(id, head + bodyOf(token, random.integer(0, 5)));
    switch (plan) {
      case "stall":
        return this.#write(random.chance(0.5) ? part : Buffer.alloc(0));
      case "partial and reset":
        this.#write(part);
        await turn();
        // With input that was not read, closing a unix socket is a reset, too.
        if (this.#socket.remoteAddress === undefined) this.#socket.destroy();
        else this.#socket.resetAndDestroy();
        return;
      case "partial and fin":
        this.#write(random.chance(0.5) ? part : part.subarray(0, random.integer(0, part.length)));
        this.#socket.end();
        return;
      case "endless head":
        for (let n = 0; n < 100 && !this.#socket.destroyed; n++) {
          this.#write(this.#stdout(id, `X-${n}: ${"x".repeat(2000)}\r\n`));
          if (n % 10 === 9) await turn();
        }
        return;
      case "bad head":
        return this.#finish(
          id,
          request,
          this.#stdout(id, random.pick(["no head\r\n\r\n", "\r\n", "A: \0\r\n\r\n"])),
        );
      case "empty":
        return this.#finish(id, request);
      case "refuse":
        request.hasEnded = true;
        return this.#write(this.#end(id, 0, random.pick([1, 2, 3, 4, 255])));
      case "stderr flood":
        for (let n = 0; n < 30; n++) this.#write(wire.record(wire.STDERR, id, "e".repeat(30_000)));
        break;
      case "tiny records":
        this.#write(...Array.from(head + bodyOf(token, 200), (byte) => wire.record(wire.STDOUT, id, byte)));
        return this.#finish(id, request);
      case "large":
        this.#write(this.#stdout(id, head));
        for (let n = 0; n < 10; n++) this.#write(this.#stdout(id, bodyOf(token, 3000)));
        return this.#finish(id, request);
      case "not for an application":
        this.#write(wire.record(random.pick([1, 2, 4, 5, 8, 9]), id, random.bytes(8)));
        break;
      case "unasked values":
        this.#write(wire.record(wire.GET_VALUES_RESULT, 0, wire.pairs([["FCGI_MPXS_CONNS", "1"]])));
        this.#write(wire.record(wire.GET_VALUES_RESULT, 0, random.bytes(random.integer(0, 9))));
        break;
      case "unknown type":
        this.#write(wire.record(random.integer(11, 255), random.pick([0, id]), random.bytes(8)));
        break;
      case "wrong id":
        this.#write(
          wire.record(random.pick([3, 6, 7]), random.pick([0, id + 1000, 65535]), bodyOf(token, 1).padEnd(8)),
        );
        break;
      case "after the stream's end":
        this.#write(part, wire.record(random.pick([wire.STDOUT, wire.STDERR]), id));
        this.#write(wire.record(wire.STDERR, id, "e"), this.#stdout(id, bodyOf(token, 1)));
        return this.#finish(id, request);
      case "garbage":
        this.#write(random.chance(0.5) ? part : Buffer.alloc(0), random.bytes(random.integer(1, 100)));
        break;
      case "lying header": {
        const record = Buffer.from(part);
        record[random.integer(0, 7)] = random.integer(0, 255);
        this.#write(record);
        break;
      }
    }
    await this.#respondWhole(id, request, head + bodyOf(token, count));
    if (plan === "end twice") this.#write(this.#end(id));
    if (plan !== "late") return;
    if (random.chance(0.5)) await turn();
    this.#write(this.#stdout(id, bodyOf(token, 2)), wire.record(wire.STDERR, id, "late"), this.#end(id));
    for (let turns = random.integer(0, 5); turns > 0; turns--) await turn();
    this.#write(this.#stdout(id, bodyOf(token, 2)));
  }

  /** Sends a whole response, cut anywhere. */
  async #respondWhole(id: number, request: Received, text: string): Promise<void> {
    const random = this.#random;
    if (random.chance(0.3)) this.#write(wire.record(wire.STDERR, id, "a word aside"));
    let start = 0;
    while (start < text.length && !request.hasEnded) {
      const end = Math.min(text.length, start + random.pick([1, 20, 1000, 30_000, 65_000]));
      this.#write(this.#stdout(id, text.slice(start, end)));
      start = end;
      if (random.chance(0.3)) await turn();
    }
    this.#finish(id, request);
  }
}
