import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { Duplex, type Writable } from "node:stream";
import { describe, test } from "node:test";
import { createServer } from "../../src/index.ts";
import { request } from "../support/request.ts";
import { startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const MEBIBYTE = 1_048_576;
const MAX_ID = 65_535;

/** Input that makes the server write: `make` returns the bytes that cause output number `index`. */
const floods: readonly [name: string, type: number, make: (index: number) => Buffer][] = [
  [
    "BEGIN_REQUEST and ABORT_REQUEST",
    wire.END_REQUEST,
    (index) => {
      const id = (index % MAX_ID) + 1;
      return Buffer.concat([wire.begin(id, 1), wire.record(wire.ABORT_REQUEST, id)]);
    },
  ],
  ["an unknown role", wire.END_REQUEST, (index) => wire.begin((index % MAX_ID) + 1, 1, 9)],
  ["an unknown management record", wire.UNKNOWN_TYPE, () => wire.record(77, 0)],
  [
    "GET_VALUES",
    wire.GET_VALUES_RESULT,
    () => wire.record(wire.GET_VALUES, 0, wire.pair("FCGI_MPXS_CONNS", "")),
  ],
  [
    "no params at all, which gets 400",
    wire.END_REQUEST,
    (index) => {
      const id = (index % MAX_ID) + 1;
      return Buffer.concat([wire.begin(id, 1), wire.record(wire.PARAMS, id), wire.record(wire.STDIN, id)]);
    },
  ],
  ["requests that get a response", wire.END_REQUEST, (index) => request((index % MAX_ID) + 1)],
];

/** A connection that accepts no output until `open()`. */
class Stalled extends Duplex {
  received = 0;
  readonly records: wire.Received[] = [];
  readonly #reader = new wire.Reader();
  #next: (() => void) | undefined;
  #isOpen = false;
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.received += chunk.length;
    this.records.push(...this.#reader.push(chunk));
    if (this.#isOpen) callback();
    else this.#next = callback;
  }
  open(): void {
    this.#isOpen = true;
    this.#next?.();
  }
}

describe("a peer that does not take what is written is not read, and loses nothing, when it sends", () => {
  for (const [name, type, make] of floods) {
    test(name, async () => {
      const server = createServer({}, (_req, res) => void res.end("hello"));
      const connection = new Stalled();
      server.emit("connection", connection);
      let sent = 0;
      while (!connection.isPaused() && sent < 1_000_000) {
        const records: Buffer[] = [];
        for (let count = 0; count < 1000; count++) records.push(make(sent++));
        connection.push(Buffer.concat(records));
        await new Promise(setImmediate);
      }
      assert.ok(connection.isPaused(), `the server went on reading: ${sent} were sent`);
      assert.ok(connection.writableLength < 2 * MEBIBYTE, `${connection.writableLength} bytes wait`);
      connection.open();
      const count = (): number => connection.records.filter((record) => record.type === type).length;
      for (let turn = 0; turn < 10_000 && count() < sent; turn++) await new Promise(setImmediate);
      assert.equal(count(), sent);
      assert.equal(connection.isPaused(), false);
      connection.destroy();
    });
  }
});

test("reading stops in the middle of a chunk, and goes on where it stopped", async () => {
  const server = createServer({ maxOutputLength: 20_000 }, (_req, res) => void res.end());
  const connection = new Stalled({ highWaterMark: 1000 });
  server.emit("connection", connection);
  const pair = Buffer.concat([wire.begin(1, 1), wire.record(wire.ABORT_REQUEST, 1)]);
  const count = 100_000;
  connection.push(Buffer.concat(new Array(count).fill(pair)));
  await new Promise(setImmediate);
  assert.ok(connection.isPaused());
  const rest = connection.readableLength;
  // 20,000 bytes of END_REQUEST, 16 each, come of 30,000 bytes.
  assert.ok(rest > count * pair.length - 32_000, `${rest} bytes are unread`);
  connection.open();
  for (let turn = 0; turn < 10_000 && connection.received < count * 16; turn++)
    await new Promise(setImmediate);
  assert.equal(connection.received, count * 16);
  assert.equal(connection.readableLength, 0);
  connection.destroy();
});

const stderrOf = (req: IncomingMessage): Writable => (req.socket as unknown as { stderr: Writable }).stderr;

describe("req.socket.stderr", () => {
  test("takes no more than its high-water mark while nobody reads, and goes on with drain", async (t) => {
    let written = 0;
    let calledBack = 0;
    const total = 64 * MEBIBYTE;
    const { open } = await startServer(t, {}, (req, res) => {
      if (req.url === "/turn") {
        res.end();
        return;
      }
      const stderr = stderrOf(req);
      const piece = Buffer.alloc(65_536, "e");
      const more = (): void => {
        while (written < total) {
          written += piece.length;
          if (!stderr.write(piece, () => calledBack++)) {
            stderr.once("drain", more);
            return;
          }
        }
        stderr.end(() => res.end("done"));
      };
      more();
    });
    const [link, other] = [await open(), await open()];
    link.pause();
    link.send(request(1));
    for (let id = 1; id <= 50; id++) {
      other.send(request(id, { url: "/turn" }));
      await other.response(id);
    }
    const stopped = written;
    assert.ok(stopped > 0 && stopped < 16 * MEBIBYTE, `${stopped} bytes were written`);
    assert.ok(calledBack < stopped / 65_536);
    link.resume();
    const response = await link.response(1, 30_000);
    assert.equal(response.stderr.length, total);
    assert.equal(response.text, "done");
    assert.equal(calledBack, total / 65_536);
  });

  test("loses nothing that was written before the end of the response, although nobody reads", async (t) => {
    const { open } = await startServer(t, {}, (req, res) => {
      res.write("x".repeat(8 * MEBIBYTE));
      setImmediate(() => {
        for (let line = 0; line < 1000; line++) stderrOf(req).write(`line ${line}\n`);
        res.end("end");
      });
    });
    const link = await open();
    link.pause();
    link.send(request(1));
    await new Promise(setImmediate);
    link.resume();
    const response = await link.response(1);
    assert.equal(response.stderr.split("\n").length, 1001);
    assert.ok(response.text.endsWith("end"));
  });

  test("calls back with an error when the request is over, which ends nothing", async (t) => {
    let stderr: Writable | undefined;
    const { open } = await startServer(t, {}, (req, res) => {
      stderr = stderrOf(req);
      res.end("hello");
    });
    const link = await open();
    link.send(request(1));
    await link.response(1);
    const error = await new Promise((resolve) => stderr?.write("late", resolve));
    assert.ok(error instanceof Error);
    link.send(request(1));
    assert.equal((await link.response(1)).stderr, "");
  });
});
