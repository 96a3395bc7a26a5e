import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { BodyReport } from "../app/echo.ts";
import { pattern } from "../app/streams.ts";
import { newInspection, open, requestHead, send, sendForJSON, sendOn } from "../request.ts";
import type { Case, CaseContext } from "../target.ts";

const MEGABYTE = 1024 * 1024;
const path = "/_/body";

function assertBody(report: BodyReport, sent: Buffer): void {
  assert.equal(report.length, sent.length);
  assert.equal(report.sha256, createHash("sha256").update(sent).digest("hex"));
  assert.equal(report.complete, true);
}

const lengths: readonly (readonly [what: string, length: number])[] = [
  ["no byte", 0],
  ["1 byte", 1],
  ["65,535 bytes", 65_535],
  ["65,536 bytes", 65_536],
  ["1 MB", MEGABYTE],
];

async function sendChunked(t: CaseContext, chunks: readonly Buffer[]): Promise<BodyReport> {
  const report = await sendForJSON<BodyReport>(t, { method: "POST", path, chunks });
  // Body parsers ask for one of the two before they read.
  assert.ok(report.contentLength !== null || report.transferEncoding !== null, "the fields tell of no body");
  return report;
}

export const requestBodies: readonly Case[] = [
  ...lengths.map(
    ([what, length]): Case => ({
      id: `bodies/length-${length}`,
      name: `passes a body of ${what} with Content-Length`,
      tags: ["one-process"],
      async run(t) {
        const body = pattern(length);
        const report = await sendForJSON<BodyReport>(t, { method: "POST", path, body });
        assertBody(report, body);
        assert.equal(report.contentLength, String(length));
      },
    }),
  ),
  {
    id: "bodies/every-byte",
    name: "passes every byte value",
    tags: ["transport", "one-process"],
    async run(t) {
      const body = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));
      assertBody(await sendForJSON(t, { method: "PUT", path, body }), body);
    },
  },
  {
    id: "bodies/chunked-small",
    name: "passes a small chunked body without Content-Length",
    tags: ["transport", "one-process"],
    async run(t) {
      assertBody(
        await sendChunked(t, [Buffer.from("hello, "), Buffer.from("world")]),
        Buffer.from("hello, world"),
      );
    },
  },
  {
    id: "bodies/chunked-200-kb",
    name: "passes a chunked body of 200 KB without Content-Length",
    tags: ["transport", "one-process"],
    async run(t) {
      const body = pattern(200_000);
      const chunks = Array.from({ length: 20 }, (_, index) =>
        body.subarray(index * 10_000, (index + 1) * 10_000),
      );
      assertBody(await sendChunked(t, chunks), body);
    },
  },
  {
    id: "bodies/chunked-empty",
    name: "passes an empty chunked body",
    tags: ["transport", "one-process"],
    async run(t) {
      const report = await sendForJSON<BodyReport>(t, { method: "POST", path, chunks: [] });
      assertBody(report, Buffer.alloc(0));
    },
  },
  {
    id: "bodies/chunked-trailers",
    name: "passes a chunked body with extensions and trailers",
    tags: ["transport", "one-process"],
    async run(t) {
      const connection = await open(t);
      const fields = [["Transfer-Encoding", "chunked"]] as const;
      await connection.write(requestHead(t, { method: "POST", path, fields }));
      await connection.write("5;name=value\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n");
      const response = await connection.response();
      assert.equal(response.statusCode, 200);
      assertBody(JSON.parse(response.body.toString()), Buffer.from("hello"));
      connection.destroy();
    },
  },
  {
    id: "bodies/small-pieces",
    name: "passes a body that arrives in many small pieces",
    tags: ["one-process"],
    async run(t) {
      const body = pattern(200);
      const connection = await open(t);
      connection.socket.setNoDelay(true);
      const fields = [["Content-Length", String(body.length)]] as const;
      await connection.write(requestHead(t, { method: "POST", path, fields }));
      for (const byte of body) await connection.write(Buffer.from([byte]));
      assertBody(JSON.parse((await connection.response()).body.toString()), body);
      connection.destroy();
    },
  },
  {
    id: "bodies/no-body-field",
    name: "passes a POST without any body field",
    tags: ["one-process"],
    async run(t) {
      const report = await sendForJSON<BodyReport>(t, { method: "POST", path });
      assertBody(report, Buffer.alloc(0));
    },
  },
  ...["DELETE", "PATCH", "GET"].map(
    (method): Case => ({
      id: `bodies/method-${method}`,
      name: `passes the body of a ${method}`,
      tags: ["one-process"],
      async run(t) {
        const body = Buffer.from("a body");
        assertBody(await sendForJSON(t, { method, path, body }), body);
      },
    }),
  ),
  {
    id: "bodies/expect",
    name: "lets a client go on that expects 100-continue",
    async run(t) {
      const body = pattern(1000);
      const connection = await open(t);
      const fields = [
        ["Content-Length", String(body.length)],
        ["Expect", "100-continue"],
      ] as const;
      await connection.write(requestHead(t, { method: "POST", path, fields }));
      const responding = connection.response();
      // Some servers wait for the first byte of the body before they say anything, which the client may send.
      await connection.write(body);
      const response = await responding;
      assert.equal(response.statusCode, 200);
      assert.deepEqual(
        response.informational.filter((status) => status !== 100),
        [],
      );
      assertBody(JSON.parse(response.body.toString()), body);
      connection.destroy();
    },
  },
  {
    id: "bodies/expect-before-body",
    name: "sends 100 Continue before the body is there",
    async run(t) {
      const connection = await open(t);
      const fields = [
        ["Content-Length", "4"],
        ["Expect", "100-continue"],
      ] as const;
      await connection.write(requestHead(t, { method: "POST", path, fields }));
      assert.equal(await connection.interim(), 100);
      await connection.write("body");
      assert.equal((await connection.response()).statusCode, 200);
      connection.destroy();
    },
  },
  {
    id: "bodies/unread-1-mb",
    name: "responds to a request whose body of 1 MB the application does not read",
    async run(t) {
      const connection = await open(t);
      await sendOn(connection, t, { method: "POST", path: "/_/ignored-upload", body: pattern(MEGABYTE) });
      const response = await connection.response();
      assert.equal(response.statusCode, 200);
      assert.equal(response.body.toString(), "not read");
      connection.destroy();
    },
  },
  {
    id: "bodies/read-late-5-mb",
    name: "keeps a body of 5 MB until the application reads it",
    tags: ["transport"],
    async run(t) {
      const inspection = newInspection(t);
      const body = pattern(5 * MEGABYTE);
      const responding = send(t, { method: "POST", path: inspection.path("unread-upload"), body });
      await inspection.noted("started");
      await inspection.release();
      assert.equal((await responding).body.toString(), String(body.length));
    },
  },
  {
    id: "bodies/passed-on",
    name: "passes on what arrives of a body before the rest is there",
    tags: ["transport", "waits"],
    async run(t) {
      const inspection = newInspection(t);
      const connection = await open(t);
      const fields = [["Content-Length", "10"]] as const;
      await connection.write(requestHead(t, { method: "POST", path: inspection.path("received"), fields }));
      await connection.write("12345");
      assert.equal((await inspection.noted("data")).figures.length, 5);
      connection.destroy();
    },
  },
  {
    id: "bodies/held-back-200-mb",
    name: "holds back an upload of 200 MB that the application does not read, in bounded memory",
    big: true,
    async run(t) {
      const inspection = newInspection(t);
      const total = 200 * MEGABYTE;
      const connection = await open(t);
      const fields = [["Content-Length", String(total)]] as const;
      await connection.write(
        requestHead(t, { method: "POST", path: inspection.path("unread-upload"), fields }),
      );
      const block = pattern(MEGABYTE);
      await inspection.noted("started");
      const before = await inspection.memory();
      let sent = 0;
      const sending = (async () => {
        for (; sent < total; sent += block.length) await connection.write(block);
      })();
      // Waits until no more bytes are accepted.
      for (let [last, same] = [-1, 0]; same < 50 && sent < total; ) {
        await inspection.report();
        same = sent === last ? same + 1 : 0;
        last = sent;
      }
      const held = (await inspection.memory()) - before;
      assert.ok(held < 64 * MEGABYTE, `memory grew by ${held} bytes`);
      await inspection.release();
      await sending;
      const response = await connection.response();
      assert.equal(response.body.toString(), String(total));
      const kept = (await inspection.memory()) - before;
      assert.ok(kept < 64 * MEGABYTE, `memory grew by ${kept} bytes after it was read`);
      connection.destroy();
    },
  },
];
