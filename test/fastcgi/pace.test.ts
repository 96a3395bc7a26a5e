import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { createServer } from "../../src/index.ts";
import { type FastCGIRecord, RecordParser, RecordType } from "../../src/protocol/index.ts";
import { Random } from "../support/random.ts";
import { head, request } from "../support/request.ts";
import * as wire from "../support/wire.ts";

/** A web server's connection that takes output, and brings input, at a random pace. */
class UnevenConnection extends Duplex {
  readonly responses: Map<number, Buffer[]> = new Map();
  readonly #random: Random;
  readonly #parser: RecordParser = new RecordParser();
  readonly #onResponse: (id: number) => void;

  constructor(random: Random, onResponse: (id: number) => void) {
    super({ highWaterMark: random.pick([1, 16_384, 65_536, 1_048_576]) });
    this.#random = random;
    this.#onResponse = onResponse;
    if (random.chance(0.5)) {
      this._writev = (chunks, callback) =>
        this.#take(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback);
    }
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#take(Buffer.from(chunk), callback);
  }

  #take(bytes: Buffer, callback: () => void): void {
    this.#read(bytes);
    const pace = this.#random.integer(0, 3);
    if (pace === 0) callback();
    else if (pace === 1) process.nextTick(callback);
    else if (pace === 2) setImmediate(callback);
    else setImmediate(() => setImmediate(callback));
  }

  #read(bytes: Buffer): void {
    let records: readonly FastCGIRecord[];
    try {
      records = this.#parser.push(bytes);
    } catch {
      return; // a record of version 0 says that a response broke off
    }
    for (const { type, requestId, content } of records) {
      if (type === RecordType.STDOUT) this.responses.get(requestId)!.push(content);
      if (type === RecordType.END_REQUEST) this.#onResponse(requestId);
    }
  }
}

/** The ways in which applications write. */
const writers: Record<string, (req: IncomingMessage, res: ServerResponse, pieces: Buffer[]) => unknown> = {
  heeding(_req, res, pieces) {
    const rest = [...pieces];
    const more = (): void => {
      for (let piece = rest.shift(); piece !== undefined; piece = rest.shift()) {
        if (!res.write(piece)) {
          res.once("drain", more);
          return;
        }
      }
      res.end();
    };
    more();
  },
  heedless(_req, res, pieces) {
    for (const piece of pieces) res.write(piece);
    res.end();
  },
  inTurns(_req, res, pieces) {
    const rest = [...pieces];
    const more = (): void => {
      const piece = rest.shift();
      if (piece === undefined) {
        res.end();
      } else {
        res.write(piece);
        setImmediate(more);
      }
    };
    more();
  },
  byCallback(_req, res, pieces) {
    const rest = [...pieces];
    const more = (): void => {
      const piece = rest.shift();
      if (piece === undefined) res.end();
      else res.write(piece, more);
    };
    more();
  },
  withLength(_req, res, pieces) {
    const body = Buffer.concat(pieces);
    res.setHeader("Content-Length", body.length);
    res.end(body);
  },
  asText: (_req, res, pieces) => res.end(Buffer.concat(pieces).toString("latin1"), "latin1"),
  corked(_req, res, pieces) {
    res.cork();
    for (const piece of pieces) res.write(piece);
    res.uncork();
    setImmediate(() => res.end());
  },
  piped: (_req, res, pieces) => Readable.from(pieces).pipe(res),
  inPipeline: (_req, res, pieces) => pipeline(Readable.from(pieces), res),
  echo: (req, res) => req.pipe(res),
  async echoLater(req, res) {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    res.end(Buffer.concat(chunks));
  },
};

/** Sends several requests on one connection, and compares their responses when all have closed. */
async function converse(random: Random): Promise<void> {
  const bodies = Array.from({ length: random.integer(1, 6) }, () =>
    Array.from({ length: random.integer(0, 12) }, (_, index) => {
      return Buffer.alloc(random.integer(1, random.pick([100, 20_000, 70_000])), 97 + index);
    }),
  );
  const names = bodies.map(() => random.pick(Object.keys(writers)));
  let left = bodies.length * 2;
  let onAll = (): void => {};
  const all = new Promise<void>((resolve) => {
    onAll = resolve;
  });
  const one = (): void => {
    if (--left === 0) onAll();
  };
  const server = createServer((req, res) => {
    const index = Number(req.url?.slice(1)) - 1;
    res.on("close", one);
    return writers[names[index]!]!(req, res, bodies[index]!);
  });
  server.on("requestError", (error: Error) => assert.fail(error));
  const connection = new UnevenConnection(random, one);
  server.emit("connection", connection);
  const queues = bodies.map((pieces, index) => {
    const id = index + 1;
    connection.responses.set(id, []);
    const isEcho = names[index]!.startsWith("echo");
    const stdin = isEcho ? pieces.flatMap((piece) => wire.stream(wire.STDIN, id, piece)) : [];
    const parts = { url: `/${id}`, method: isEcho ? "POST" : "GET" };
    return [head(id, parts), ...stdin, wire.record(wire.STDIN, id)];
  });
  const feed = (): void => {
    const waiting = queues.filter((queue) => queue.length > 0);
    if (waiting.length === 0) return;
    connection.push(random.pick(waiting).shift()!);
    if (random.chance(0.5)) feed();
    else setImmediate(feed);
  };
  feed();
  await all;
  for (const [index, pieces] of bodies.entries()) {
    const response = Buffer.concat(connection.responses.get(index + 1)!);
    const body = response.subarray(response.indexOf("\r\n\r\n") + 4);
    assert.ok(body.equals(Buffer.concat(pieces)), `${names[index]}: ${body.length} bytes`);
  }
  connection.destroy();
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Early ends of a request or its connection. */
const ends = {
  abort: (connection: Duplex, id: number) => connection.push(wire.record(wire.ABORT_REQUEST, id)),
  leave: (connection: Duplex) => connection.destroy(),
  finish: (connection: Duplex) => connection.push(null),
  garbage: (connection: Duplex) => connection.push(Buffer.alloc(8, "G")),
} as const;

/** What an application may do besides responding. */
const faults: Record<string, (req: IncomingMessage, res: ServerResponse) => void> = {
  nothing: () => {},
  destroyResponse: (_req, res) => res.destroy(),
  destroyRequest: (req) => req.destroy(),
  destroySocket: (req) => req.socket.destroy(),
  error: (_req, res) => res.destroy(new Error("of the application")),
  late: (_req, res) => res.on("close", () => res.write("too late")),
};

/** Ends requests in any way: each must emit `close`, and the server must count none of them afterwards. */
async function quarrel(random: Random): Promise<void> {
  const count = random.integer(1, 6);
  const pieces = Array.from({ length: 6 }, () => Buffer.alloc(random.integer(1, 50_000), "x"));
  const closed: Promise<unknown>[] = [];
  const server = createServer({ maxRequests: count }, (req, res) => {
    closed.push(once(res, "close"));
    for (const stream of [req, res]) stream.on("error", () => {});
    if (req.url === "/last") {
      // All have to be open at once.
      waiting.push(() => res.end("last"));
      if (waiting.length === count) for (const end of waiting) end();
      return undefined;
    }
    const fault = random.pick(Object.keys(faults));
    setImmediate(() => faults[fault]!(req, res));
    if (random.chance(0.1)) throw new Error("of the application");
    return writers[random.pick(Object.keys(writers))]!(req, res, pieces);
  });
  const waiting: (() => void)[] = [];
  server.on("requestError", () => {});
  const connection = new UnevenConnection(random, () => {});
  connection.on("error", () => {});
  server.emit("connection", connection);
  const end = random.pick(Object.keys(ends)) as keyof typeof ends;
  for (let id = 1; id <= count; id++) {
    connection.responses.set(id, []);
    const body = random.chance(0.5) ? Buffer.alloc(random.integer(1, 50_000)) : undefined;
    connection.push(
      head(id, { url: `/${id}`, keepConn: random.chance(0.8), ...(body && { body, method: "POST" }) }),
    );
    if (body !== undefined) connection.push(wire.stream(wire.STDIN, id, body));
    if (random.chance(0.7)) connection.push(wire.record(wire.STDIN, id));
  }
  for (let turns = random.integer(0, 6); turns > 0; turns--) await turn();
  if (!connection.destroyed) ends[end](connection, random.integer(1, count));
  for (let turns = random.integer(0, 6); turns > 0; turns--) await turn();
  connection.destroy();
  await Promise.all(closed);
  // Opens as many requests as are allowed: this fails if an earlier one is still counted.
  closed.length = 0;
  let responses = 0;
  await new Promise<void>((resolve, reject) => {
    const last = new UnevenConnection(random, (id) => {
      const text = Buffer.concat(last.responses.get(id)!).toString();
      if (!text.endsWith("last")) reject(new Error(text));
      if (++responses === count) resolve();
    });
    server.emit("connection", last);
    for (let id = 1; id <= count; id++) last.responses.set(id, []);
    for (let id = 1; id <= count; id++) last.push(request(id, { url: "/last" }));
  });
}

for (let seed = 1; seed <= 10; seed++) {
  test(`requests that end early all close, and leave nothing behind, seed ${seed}`, async () => {
    for (let index = 0; index < 100; index++) await quarrel(new Random(seed, index));
  });

  test(`responses and uploads arrive whole at any pace, seed ${seed}`, async () => {
    for (let index = 0; index < 100; index++) await converse(new Random(seed, index));
  });
}
