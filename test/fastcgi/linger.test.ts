import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer as createTCPServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { setInterval } from "node:timers/promises";
import { Linger } from "../../src/fastcgi/linger.ts";
import { Link } from "../support/link.ts";
import { head, request } from "../support/request.ts";
import { type Started, startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const OFTEN = { connectionsCheckingInterval: 10 };

describe("Linger", () => {
  test("is over after the time-out if only single bytes are received", () => {
    const linger = new Linger(0, 1_000_000);
    for (let tick = 0; tick < 10; tick++) assert.ok(linger.drain(1, tick));
    assert.equal(linger.isOver(9, 100, 1000, 0), false);
    assert.equal(linger.isOver(11, 100, 1000, 0), true);
  });

  test("is extended by a second for each 16,384 bytes", () => {
    const linger = new Linger(0, 1_000_000);
    linger.drain(10 * 16_384, 0);
    assert.equal(linger.isOver(109, 100, 1000, 0), false);
    assert.equal(linger.isOver(110, 100, 1000, 0), true);
  });

  test("is over after the maximum time, whatever is received", () => {
    const linger = new Linger(0, 1_000_000_000);
    linger.drain(900_000_000, 0);
    assert.equal(linger.isOver(2999, 100, 1000, 300_000), false);
    assert.equal(linger.isOver(3000, 100, 1000, 300_000), true);
  });

  test("restarts the time-out, not extended, after more than the length", () => {
    const linger = new Linger(0, 1_000_000);
    assert.equal(linger.drain(1_000_001, 50), false);
    assert.equal(linger.drain(1, 55), false);
    assert.equal(linger.isOver(59, 100, 1000, 0), false);
    assert.equal(linger.isOver(60, 100, 1000, 0), true);
  });
});

/** Connects to a server, and returns both sides of the connection. */
async function connect(t: TestContext, { server }: Started): Promise<{ link: Link; socket: Socket }> {
  const listener = createTCPServer({ allowHalfOpen: true }, (socket) => server.emit("connection", socket));
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const connected = once(listener, "connection");
  const link = await Link.open({ host: "127.0.0.1", port: (listener.address() as AddressInfo).port }, 10_000);
  const [socket] = (await connected) as [Socket];
  t.after(() => {
    link.destroy();
    listener.close();
  });
  return { link, socket };
}

/** Sends a request without FCGI_KEEP_CONN whose response is complete before its body is received. */
async function sendForEarlyResponse(
  t: TestContext,
  started: Started,
  length: number,
): Promise<{ link: Link; socket: Socket }> {
  const { link, socket } = await connect(t, started);
  const params = [["CONTENT_LENGTH", String(length)]] as const;
  link.send(head(1, { method: "POST", keepConn: false, params }));
  await link.response(1);
  return { link, socket };
}

test("single bytes do not keep a connection open after its last response", async (t) => {
  const started = await startServer(t, { ...OFTEN, lingerTimeout: 100 }, (_req, res) => void res.end());
  const { link, socket } = await sendForEarlyResponse(t, started, 1_000_000);
  let sent = 0;
  for await (const _ of setInterval(10)) {
    if (socket.destroyed) break;
    assert.ok(sent++ < 500, "the connection is still open");
    link.send(wire.record(wire.STDIN, 1, "x"));
  }
});

test("a steady upload is drained to its end, although it takes longer than lingerTimeout", async (t) => {
  const started = await startServer(
    t,
    { ...OFTEN, lingerTimeout: 150 },
    (_req, res) => void res.end("early"),
  );
  const [piece, count] = [Buffer.alloc(32_768), 40];
  const { link, socket } = await sendForEarlyResponse(t, started, piece.length * count);
  let sent = 0;
  for await (const _ of setInterval(5)) {
    assert.equal(socket.destroyed, false, `cut off after ${sent} pieces`);
    link.send(wire.record(wire.STDIN, 1, piece));
    if (++sent === count) break;
  }
  link.send(wire.record(wire.STDIN, 1));
  await once(socket, "close");
  assert.ok(socket.bytesRead > piece.length * count);
});

test("a response is not cut off if sending it takes longer than lingerTimeout", async (t) => {
  /** Accepts no output until `open()`. */
  class Stalled extends Duplex {
    received = 0;
    #next: (() => void) | undefined;
    #isOpen = false;
    override _read(): void {}
    override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
      this.received += chunk.length;
      if (this.#isOpen) callback();
      else this.#next = callback;
    }
    open(): void {
      this.#isOpen = true;
      this.#next?.();
    }
  }
  const options = { ...OFTEN, lingerTimeout: 20, beginTimeout: 150 };
  const { open, server } = await startServer(t, options, (_req, res) => void res.end("x".repeat(500_000)));
  const stalled = new Stalled();
  server.emit("connection", stalled);
  stalled.push(request(1, { keepConn: false }));
  // Another connection has timed out: lingerTimeout has passed.
  const idle = await open();
  await idle.closed();
  assert.equal(stalled.destroyed, false);
  stalled.open();
  await once(stalled, "close");
  assert.ok(stalled.received > 500_000);
});

test("STDIN that an application reads after its response is limited by neither lingerTimeout nor lingerLength", async (t) => {
  let body: Promise<number> | undefined;
  const options = { ...OFTEN, lingerTimeout: 20, lingerLength: 1000 };
  const started = await startServer(t, options, (req, res) => {
    let length = 0;
    body = new Promise((resolve, reject) => {
      req.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (!res.writableEnded) res.end("accepted");
      });
      req.on("end", () => resolve(length)).on("error", reject);
    });
  });
  const { link, socket } = await connect(t, started);
  const params = [["CONTENT_LENGTH", "60001"]] as const;
  link.send(head(1, { method: "POST", keepConn: false, params }), wire.record(wire.STDIN, 1, "x"));
  assert.equal((await link.response(1)).text, "accepted");
  let sent = 0;
  for await (const _ of setInterval(5)) {
    assert.equal(socket.destroyed, false, `cut off after ${sent} pieces`);
    link.send(wire.record(wire.STDIN, 1, Buffer.alloc(1000, "x")));
    if (++sent === 60) break;
  }
  link.send(wire.record(wire.STDIN, 1));
  assert.equal(await body, 60_001);
  await once(socket, "close");
});

test("a lingering connection begins no request", async (t) => {
  let requests = 0;
  const options = { ...OFTEN, lingerTimeout: 50 };
  const started = await startServer(t, options, (_req, res) => {
    requests++;
    res.end();
  });
  const { link, socket } = await sendForEarlyResponse(t, started, 10);
  link.send(request(2));
  await once(socket, "close");
  assert.equal(requests, 1);
});
