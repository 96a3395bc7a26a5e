import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { Duplex, getDefaultHighWaterMark } from "node:stream";
import { test } from "node:test";
import { createServer } from "../../src/index.ts";
import { memoryUsed } from "../support/memory.ts";
import { head, request } from "../support/request.ts";
import { startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const MEBIBYTE = 1_048_576;
const PIECE = Buffer.alloc(65_528, "x");
/** Some 200 MB. */
const LENGTH = 3200 * PIECE.length;

/** Runs `run` and returns how much memory the process uses more than before. */
async function growth(run: () => Promise<void>): Promise<number> {
  const before = memoryUsed();
  await run();
  return memoryUsed() - before;
}

for (const keepConn of [true, false]) {
  const kind = keepConn ? "a kept connection" : "a connection of its own";
  test(`an upload of 200 MB on ${kind} that nobody reads is held back, and resumed`, async (t) => {
    let resume = (): void => {};
    const { open } = await startServer(t, {}, (req, res) => {
      if (req.url === "/turn") {
        res.end();
        return;
      }
      resume = () => {
        let length = 0;
        req.on("data", (chunk: Buffer) => {
          length += chunk.length;
        });
        req.on("end", () => res.end(String(length)));
      };
    });
    const [link, other] = [await open(), await open()];
    const grown = await growth(async () => {
      const params = [["CONTENT_LENGTH", String(LENGTH)]] as const;
      link.send(head(1, { method: "POST", keepConn, params }));
      const record = wire.record(wire.STDIN, 1, PIECE);
      for (let sent = 0; sent < LENGTH; sent += PIECE.length) link.send(record);
      // Each response on another connection shows that the server has had a turn in which it could read.
      for (let id = 1; id <= 50; id++) {
        other.send(request(id, { url: "/turn" }));
        await other.response(id);
      }
    });
    // The server takes what it may buffer, and the kernel what its socket buffers hold: some 10 MB.
    assert.ok(link.unsent > LENGTH - 64 * MEBIBYTE, `${link.unsent} bytes are unsent`);
    assert.ok(grown < 64 * MEBIBYTE, `${grown} bytes`);
    resume();
    link.send(wire.record(wire.STDIN, 1));
    assert.equal((await link.response(1, 60_000)).text, String(LENGTH));
  });
}

test("a download of 200 MB that nobody reads stops at write() === false, and goes on when it is read", async (t) => {
  let written = 0;
  const { open } = await startServer(t, {}, (req, res) => {
    if (req.url === "/turn") {
      res.end();
      return;
    }
    const more = (): void => {
      while (written < LENGTH) {
        written += PIECE.length;
        if (!res.write(PIECE)) {
          res.once("drain", more);
          return;
        }
      }
      res.end();
    };
    more();
  });
  const [link, other] = [await open(), await open()];
  link.pause();
  const grown = await growth(async () => {
    link.send(request(1));
    for (let id = 1; id <= 50; id++) {
      other.send(request(id, { url: "/turn" }));
      await other.response(id);
    }
  });
  assert.ok(grown < 64 * MEBIBYTE, `${grown} bytes`);
  const stopped = written;
  assert.ok(stopped > 0 && stopped < 32 * MEBIBYTE, `${stopped} bytes were written`);
  link.resume();
  await link.until("the rest", () => link.received > stopped + 8 * MEBIBYTE);
  link.destroy();
});

test("res.write() that returns false is followed by one drain, and writableNeedDrain is then false", async (t) => {
  const seen: boolean[] = [];
  const { open } = await startServer(t, {}, (_req, res) => {
    while (res.write(PIECE)) {}
    seen.push(res.writableNeedDrain);
    res.once("drain", () => {
      seen.push(res.writableNeedDrain);
      res.end();
    });
  });
  const link = await open();
  link.send(request(1));
  assert.equal((await link.response(1)).status, 200);
  assert.deepEqual(seen, [true, false]);
});

/** A connection that takes one chunk per turn of the event loop. */
class SlowConnection extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    setImmediate(callback);
  }
}

for (const highWaterMark of [undefined, 1, 4 * MEBIBYTE]) {
  const options = highWaterMark === undefined ? {} : { highWaterMark };
  const mark = `with highWaterMark ${highWaterMark}`;

  test(`drain comes where the connection takes a piece in part, ${mark}`, async () => {
    let onFinish = (): void => {};
    const server = createServer(options, (req, res) => {
      // Writes more than fits, then a piece that waits for the first to be sent.
      res.write(Buffer.alloc(2 * 65_536, "x"));
      setImmediate(() => {
        if (res.write(Buffer.alloc(Number(req.url?.slice(1)), "y"))) res.end();
        else res.once("drain", () => res.end());
      });
      res.on("finish", () => onFinish());
    });
    const connection = new SlowConnection(options);
    server.emit("connection", connection);
    for (let length = 12_000; length <= 72_000; length += 4_000) {
      const finished = new Promise<void>((resolve) => {
        onFinish = resolve;
      });
      connection.push(request(1, { url: `/${length}` }));
      await finished;
    }
    connection.destroy();
  });

  test(`drain comes to all requests of a connection, ${mark}`, async (t) => {
    let waiting = 0;
    let onAllWaiting = (): void => {};
    const { open } = await startServer(t, options, (req, res) => {
      res.write(Buffer.alloc(MEBIBYTE, "x"));
      setImmediate(() => {
        if (res.write(Buffer.alloc(Number(req.url?.slice(1)), "y"))) res.end();
        else res.once("drain", () => res.end());
        if (++waiting === 16) onAllWaiting();
      });
    });
    const link = await open();
    for (let length = 12_000; length <= 72_000; length += 20_000) {
      const allWaiting = new Promise<void>((resolve) => {
        onAllWaiting = resolve;
      });
      waiting = 0;
      link.pause();
      for (let id = 1; id <= 16; id++) link.send(request(id, { url: `/${length}` }));
      await allWaiting;
      link.resume();
      const responses = Array.from({ length: 16 }, (_, index) => link.response(index + 1));
      for (const response of await Promise.all(responses))
        assert.equal(response.text.length, MEBIBYTE + length);
    }
  });
}

test("a body in records of one byte that nobody reads is held back by the memory that it takes", async (t) => {
  let unread: IncomingMessage | undefined;
  const { open } = await startServer(t, {}, (req, res) => {
    if (req.url === "/turn") {
      res.end();
    } else {
      unread = req;
      req.on("error", () => {});
    }
  });
  const [link, other] = [await open(), await open()];
  const count = 500_000;
  link.send(head(1, { method: "POST", params: [["CONTENT_LENGTH", String(count)]] }));
  const records = Buffer.concat(
    Array.from({ length: 5000 }, () => wire.record(wire.STDIN, 1, Buffer.of(65))),
  );
  for (let sent = 0; sent < count; sent += 5000) link.send(records);
  for (let id = 1; id <= 50; id++) {
    other.send(request(id, { url: "/turn" }));
    await other.response(id);
  }
  assert.ok(unread !== undefined && unread.readableLength > 0);
  // Nothing is counted below the high-water mark; one read can pass the limit.
  const most = getDefaultHighWaterMark(false) + 12_000;
  assert.ok(unread.readableLength < most, `${unread.readableLength} pieces are held`);
});

test("a body is delivered in full through any number of pauses", async (t) => {
  const { open } = await startServer(t, {}, async (req, res) => {
    let length = 0;
    for await (const chunk of req) {
      length += (chunk as Buffer).length;
      req.pause();
      setImmediate(() => req.resume());
    }
    res.end(String(length));
  });
  const link = await open();
  const body = Buffer.alloc(5 * MEBIBYTE, "b");
  link.send(request(1, { method: "POST", body }));
  assert.equal((await link.response(1)).text, String(body.length));
});
