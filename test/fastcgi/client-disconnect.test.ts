import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { heapUsed } from "../support/memory.ts";
import { head, request } from "../support/request.ts";
import { startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const descriptors = (): number => readdirSync("/proc/self/fd").length;

test("10,000 aborted requests leak no descriptor, no listener, no heap", async (t) => {
  let open = 0;
  const { port, server } = await startServer(t, {}, (req, res) => {
    open++;
    res.on("close", () => open--);
    req.on("error", () => {});
    req.on("aborted", () => {});
    res.write("begun");
  });
  const leave = (how: number): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.on("close", () => resolve());
      socket.write(head(1, { method: "POST", body: "never whole" }));
      socket.once("data", () => {
        if (how % 3 === 0) socket.resetAndDestroy();
        else if (how % 3 === 1) socket.destroy();
        else socket.end(wire.record(wire.ABORT_REQUEST, 1));
      });
    });
  const leaveOften = async (count: number): Promise<void> => {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < count) await leave(next++);
    };
    await Promise.all(Array.from({ length: 20 }, lane));
    // Waits for the server's last `close`.
    while (open > 0) await new Promise(setImmediate);
  };
  const state = () => ({
    descriptors: descriptors(),
    listeners: server.eventNames().reduce((sum, name) => sum + server.listenerCount(name), 0),
    processListeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
  });
  await leaveOften(2000);
  const before = { ...state(), heap: heapUsed() };
  await leaveOften(10_000);
  const after = { ...state(), heap: heapUsed() };
  const grown = after.heap - before.heap;
  assert.deepEqual({ ...after, heap: 0 }, { ...before, heap: 0 });
  assert.ok(grown < 1_000_000, `the heap grew by ${grown} bytes`);
});

test("10,000 aborts by a record on one connection leak nothing either", async (t) => {
  const { open, server } = await startServer(t, {}, (req, res) => {
    req.on("error", () => {});
    res.write("begun");
  });
  const link = await open();
  const abort = async (count: number): Promise<void> => {
    for (let round = 0; round < count; round++) {
      link.send(request(1), wire.record(wire.ABORT_REQUEST, 1));
      await link.response(1);
    }
    link.records.length = 0;
  };
  await abort(2000);
  const before = heapUsed();
  await abort(10_000);
  const grown = heapUsed() - before;
  assert.ok(grown < 1_000_000, `the heap grew by ${grown} bytes`);
  assert.equal(server.listenerCount("request"), 1);
});

test("an aborted request hears aborted and close, its signal fires, and its late writes are dropped", async (t) => {
  const { open, server } = await startServer(t, {}, () => {});
  const link = await open();
  const begun = once(server, "request");
  link.send(head(1, { method: "POST", body: "body" }));
  const [req, res] = await begun;
  const heard: string[] = [];
  for (const event of ["aborted", "error", "close"]) req.on(event, () => heard.push(`req ${event}`));
  res.on("close", () => heard.push("res close"));
  const closed = new Promise((resolve) => req.on("close", resolve));
  const sentAt = performance.now();
  link.send(wire.record(wire.ABORT_REQUEST, 1));
  const response = await link.response(1);
  assert.ok(performance.now() - sentAt < 1000, "END_REQUEST does not wait for the handler");
  assert.equal(response.protocolStatus, 0);
  await closed;
  assert.deepEqual(heard.toSorted(), ["req aborted", "req close", "req error", "res close"]);
  assert.deepEqual(
    [req.aborted, req.destroyed, res.destroyed, req.socket.destroyed],
    [true, true, true, true],
  );
  assert.equal(res.write("late"), false);
  res.end("late");
  link.send(request(1));
  const [, next] = await once(server, "request");
  next.end("next");
  assert.equal((await link.response(1)).text, "next");
});

test("a client that ends its side after the request still gets the response", async (t) => {
  const { open, server } = await startServer(t, {}, () => {});
  const link = await open();
  const begun = once(server, "request");
  link.send(request(1));
  link.finish();
  const [, res] = await begun;
  await new Promise(setImmediate);
  res.end("still here");
  assert.equal((await link.response(1)).text, "still here");
  await link.closed();
});
