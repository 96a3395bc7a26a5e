import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { type RequestParts, request } from "../support/request.ts";
import { startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const NGINX = [["SERVER_SOFTWARE", "nginx/1.22.1"]] as const;
const STREAM = (res: ServerResponse): void => void res.write("a piece");

/** The STDOUT records of the first bytes that a response sends, and what they say. */
async function firstRecords(
  t: TestContext,
  app: (res: ServerResponse) => void,
  parts: RequestParts,
): Promise<string[]> {
  const { port } = await startServer(t, {}, (_req, res) => app(res));
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.write(request(1, parts));
  const reader = new wire.Reader();
  const records: wire.Received[] = [];
  // One write of less than a segment arrives as it was written.
  for await (const chunk of socket) {
    records.push(...reader.push(chunk));
    if (records.length > 0) break;
  }
  return records.filter(({ type }) => type === wire.STDOUT).map(({ content }) => content.toString("latin1"));
}

for (const keepConn of [true, false]) {
  const kept = keepConn ? "a kept connection" : "a connection for one request";

  test(`a response that is complete at once is one record on ${kept}`, async (t) => {
    const [first, last, ...others] = await firstRecords(t, (res) => res.end("body"), { keepConn });
    assert.match(first!, /^Status: 200 OK\r\n[\s\S]*\r\n\r\nbody$/);
    assert.deepEqual([last, others], ["", []]);
  });

  for (const [length, name] of [
    [1, "1 byte"],
    [5000, "5,000 bytes"],
  ] as const) {
    test(`a head and a first piece of ${name} leave in one write and in two records on ${kept}`, async (t) => {
      const [head, body, ...others] = await firstRecords(
        t,
        (res) => void res.write("\u00e9".repeat(length), "latin1"),
        { keepConn },
      );
      assert.match(head!, /^Status: 200 OK\r\n[\s\S]*\r\n\r\n$/);
      assert.equal(body, "\u00e9".repeat(length));
      assert.deepEqual(others, []);
    });
  }
}

test("a head without a body is one record", async (t) => {
  const records = await firstRecords(t, (res) => res.flushHeaders(), { keepConn: true });
  assert.equal(records.length, 1);
  assert.match(records[0]!, /\r\n\r\n$/);
});

for (const [name, isAsked, app, parts] of [
  ["streams", true, STREAM, { params: NGINX }],
  ["sends its head early", true, (res: ServerResponse) => res.flushHeaders(), { params: NGINX }],
  [
    "asks for chunked coding",
    true,
    (res: ServerResponse) => {
      res.setHeader("Transfer-Encoding", "chunked");
      STREAM(res);
    },
    { params: NGINX },
  ],
  [
    "redirects",
    true,
    (res: ServerResponse) => {
      res.writeHead(302, { Location: "/" });
      STREAM(res);
    },
    { params: NGINX },
  ],
  [
    "writes more than fits a slab",
    true,
    (res: ServerResponse) => res.write(Buffer.alloc(400_000)),
    { params: NGINX },
  ],
  ["is complete at once", false, (res: ServerResponse) => res.end("whole"), { params: NGINX }],
  [
    "writes twice, and is complete at once",
    false,
    (res: ServerResponse) => {
      res.write("first");
      res.end("second");
    },
    { params: NGINX },
  ],
  ["streams over a kept connection", false, STREAM, { params: NGINX, keepConn: true }],
  ["streams behind another web server", false, STREAM, { params: [["SERVER_SOFTWARE", "lighttpd/1.4"]] }],
  [
    "streams with a length",
    false,
    (res: ServerResponse) => {
      res.setHeader("content-length", 100);
      STREAM(res);
    },
    { params: NGINX },
  ],
] as const) {
  test(`nginx is ${isAsked ? "" : "not "}asked to pass pieces on where the application ${name}`, async (t) => {
    const [head] = await firstRecords(t, app, { keepConn: false, ...parts });
    assert.equal(/\r\nX-Accel-Buffering: no\r\n/.test(head!), isAsked, head!.slice(0, 200));
    assert.match(head!, /^(Status: 200|Location)/);
  });
}

test("what an application says of X-Accel-Buffering stays", async (t) => {
  const app = (res: ServerResponse): void => {
    res.setHeader("x-accel-buffering", "yes");
    STREAM(res);
  };
  const [head] = await firstRecords(t, app, { keepConn: false, params: NGINX });
  assert.deepEqual(head!.match(/x-accel-buffering: \w+/gi), ["x-accel-buffering: yes"]);
});
