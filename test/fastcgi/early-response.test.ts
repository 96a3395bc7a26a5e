import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { head, request } from "../support/request.ts";
import { startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const H2O = [["SERVER_SOFTWARE", "h2o/2.2.5"]] as const;
const BODY = "in two pieces";

for (const [length, keepConn, software, isHeld] of [
  [BODY.length, true, "h2o/2.2.5", true],
  [70_000, true, "h2o/2.2.5", true],
  [BODY.length, false, "h2o/2.2.5", false],
  [BODY.length, true, "nginx/1.22.1", false],
] as const) {
  const kept = keepConn ? "a kept connection" : "a connection of its own";
  const when = isHeld ? "when the upload has ended" : "at once";
  test(`a response of ${length} bytes to ${software} that comes before the upload on ${kept} ends ${when}`, async (t) => {
    const { open, server } = await startServer(t, {}, (_req, res) => res.end("x".repeat(length)));
    const closed = new Promise<ServerResponse>((resolve) => {
      server.on("request", (_req, res: ServerResponse) => {
        res.on("close", () => resolve(res));
      });
    });
    const link = await open();
    const params = [["SERVER_SOFTWARE", software]] as const;
    link.send(head(1, { method: "POST", body: BODY, keepConn, params }));
    // The response emits `close` in both cases.
    assert.ok((await closed).writableFinished);
    await link.until("the response", () => link.received > length);
    const isEnded = () => link.records.some(({ type }) => type === wire.END_REQUEST);
    if (isHeld) assert.ok(!isEnded());
    else await link.until("END_REQUEST", isEnded);
    link.send(wire.record(wire.STDIN, 1, Buffer.from(BODY)), wire.record(wire.STDIN, 1));
    assert.equal((await link.response(1)).text.length, length);
    if (!keepConn) return;
    link.send(request(1));
    assert.equal((await link.response(1)).status, 200);
  });
}

test("an upload to h2o that got an early response and is cut short aborts its request", async (t) => {
  const { open, server } = await startServer(t, {}, (_req, res) => res.end("done"));
  const link = await open();
  const aborted = once(server, "request").then(([req]) => once(req, "aborted"));
  link.send(head(1, { method: "POST", body: BODY, params: H2O }));
  await link.until("the response", () => link.received > 0);
  link.finish();
  await aborted;
  await link.until("the end", () => link.isClosed);
});

for (const length of [100_000, 1_000_000]) {
  for (const isAnnounced of [true, false]) {
    const kind = `${length} bytes of ${isAnnounced ? "a known" : "an unknown"} length`;

    test(`after an upload of ${kind} that was not read the connection is read on for its neighbours`, async (t) => {
      const { open } = await startServer(t, {}, (req, res) => {
        if (req.url === "/early") res.end("early");
        else req.pipe(res);
      });
      const link = await open();
      link.send(head(2, { method: "POST", body: "neighbour" }));
      const params = isAnnounced ? [] : ([["HTTP_TRANSFER_ENCODING", "chunked"]] as const);
      const body = Buffer.alloc(length, "x");
      const announced = isAnnounced ? { body } : {};
      link.send(head(1, { url: "/early", method: "POST", keepConn: false, params, ...announced }));
      assert.equal((await link.response(1)).text, "early");
      link.send(wire.stream(wire.STDIN, 1, body), wire.record(wire.STDIN, 1));
      // Responses on another connection show that the server has read the upload so far.
      const other = await open();
      for (let id = 1; id <= 20; id++) {
        other.send(request(id));
        await other.response(id);
      }
      link.send(wire.record(wire.STDIN, 2, Buffer.from("neighbour")), wire.record(wire.STDIN, 2));
      assert.equal((await link.response(2)).text, "neighbour");
    });

    test(`a web server that leaves after an upload of ${kind} is missed at once`, async (t) => {
      let onRead = (): void => {};
      const read = new Promise<void>((resolve) => {
        onRead = resolve;
      });
      const { open, server } = await startServer(t, {}, (req) => {
        req.on("end", onRead).resume();
      });
      const closed = once(server, "request").then(([, res]) => once(res, "close"));
      const link = await open();
      const params = isAnnounced ? [] : ([["HTTP_TRANSFER_ENCODING", "chunked"]] as const);
      const body = Buffer.alloc(length, "x");
      const announced = isAnnounced ? { body } : {};
      link.send(head(1, { method: "POST", keepConn: false, params, ...announced }));
      link.send(wire.stream(wire.STDIN, 1, body), wire.record(wire.STDIN, 1));
      await read;
      link.destroy();
      await closed;
    });
  }
}

test("a request whose id is taken again before its upload was read does not leave the connection paused", async (t) => {
  const { open } = await startServer(t, { maxBufferedStdin: 1000 }, (req, res) => {
    if (req.url === "/early") res.end("early");
    else req.pipe(res);
  });
  const link = await open();
  link.send(head(1, { url: "/early", method: "POST", body: "x".repeat(100_000) }));
  assert.equal((await link.response(1)).text, "early");
  const rest = wire.stream(wire.STDIN, 1, Buffer.alloc(60_000, "x"));
  // In one write: no turn passes in which the application could discard the body.
  link.send(rest, request(1, { method: "POST", body: "second" }));
  assert.equal((await link.response(1)).text, "second");
});
