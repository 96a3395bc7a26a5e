import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import type { CGIFunction, FastCGIServerOptions } from "../../src/index.ts";
import { memoryUsed } from "../support/memory.ts";
import { head, request } from "../support/request.ts";
import { clientErrorCode, startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const MEBIBYTE = 1_048_576;
const FILTER = 3;

describe("bodies that nobody reads", () => {
  test("in records of one byte take little memory, and arrive whole when they are read", async (t) => {
    const requests = new Map<string, IncomingMessage>();
    const { open } = await startServer(t, {}, (req, res) => {
      req.on("error", () => {});
      if (req.url === "/turn") res.end();
      else requests.set(req.url ?? "", req);
    });
    const [link, other] = [await open(), await open()];
    const before = memoryUsed();
    const [count, length] = [98, 16_000];
    const params = [["CONTENT_LENGTH", String(length)]] as const;
    for (let id = 2; id <= count; id++) link.send(head(id, { url: `/${id}`, method: "POST", params }));
    for (let sent = 0; sent < length; sent += 100) {
      const records: Buffer[] = [];
      for (let index = 0; index < 100; index++) {
        for (let id = 2; id <= count; id++) records.push(wire.record(wire.STDIN, id, String(index % 10)));
      }
      link.send(...records);
      other.send(request(1, { url: "/turn" }));
      await other.response(1);
    }
    const grown = memoryUsed() - before;
    assert.ok(grown < 96 * MEBIBYTE, `${grown} bytes`);
    const bodies = [...requests.values()].map((req) => text(req));
    for (let id = 2; id <= count; id++) link.send(wire.record(wire.STDIN, id));
    for (const body of await Promise.all(bodies)) assert.equal(body, "0123456789".repeat(length / 10));
  });

  test("do not keep what else was read with them", async (t) => {
    let unread: IncomingMessage | undefined;
    const { open } = await startServer(t, {}, (req, res) => {
      if (req.url === "/turn") res.end();
      else unread = req;
      req.on("error", () => {});
    });
    const [link, other] = [await open(), await open()];
    link.send(head(1, { method: "POST", params: [["CONTENT_LENGTH", "1000000"]] }));
    // Each 64 KB hold one byte of the body and a record of no request.
    const bytes = Buffer.concat([
      wire.record(wire.STDIN, 1, "x"),
      wire.record(wire.STDIN, 9, Buffer.alloc(65_000)),
    ]);
    const before = memoryUsed();
    for (let sent = 0; sent < 4000; sent++) {
      link.send(bytes);
      if (sent % 20 !== 19) continue;
      other.send(request(1, { url: "/turn" }));
      await other.response(1);
    }
    const grown = memoryUsed() - before;
    assert.ok(grown < 128 * MEBIBYTE, `${grown} bytes`);
    assert.ok(unread !== undefined && unread.readableLength > 3000);
  });
});

describe("a Filter", () => {
  const params = [["CONTENT_LENGTH", "0"]] as const;
  const begun = (id: number, list: Parameters<typeof head>[1] = { params }): Buffer => {
    const bytes = Buffer.from(head(id, { method: "POST", ...list }));
    bytes.writeUInt16BE(FILTER, 8);
    return bytes;
  };
  const filter: CGIFunction = async ({ data }) => `data: ${await text(data)}`;
  const start = (t: Parameters<typeof startServer>[0], options: FastCGIServerOptions = {}) =>
    startServer(t, { roles: { filter }, ...options }, (req, res) => {
      req.resume().on("end", () => res.end("responder"));
    });
  const data = (id: number, content = ""): Buffer => wire.record(wire.DATA, id, content);

  test("has the DATA that came before the end of PARAMS", async (t) => {
    const { open } = await start(t);
    const link = await open();
    const [begin, rest] = [begun(1).subarray(0, 16), begun(1).subarray(16)];
    link.send(begin, data(1, "early "), rest, data(1, "and late"), data(1), wire.record(wire.STDIN, 1));
    assert.equal((await link.response(1)).text, "data: early and late");
    link.send(begin, data(1, "early"), data(1), rest, wire.record(wire.STDIN, 1));
    assert.equal((await link.response(1)).text, "data: early");
  });

  test("does not hear of DATA after its end", async (t) => {
    const { open } = await start(t);
    const link = await open();
    link.send(begun(1), data(1, "file"), data(1), data(1, "more"), data(1), wire.record(wire.STDIN, 1));
    assert.equal((await link.response(1)).text, "data: file");
  });

  test("has DATA before the end of PARAMS held up to maxBufferedStdin, together with STDIN", async (t) => {
    const { open, server } = await start(t, { maxBufferedStdin: 1000 });
    const link = await open();
    const code = clientErrorCode(server);
    const begin = begun(1).subarray(0, 16);
    link.send(begin, wire.record(wire.STDIN, 1, "x".repeat(600)), data(1, "x".repeat(401)));
    assert.equal(await code, "ERR_FCGI_LIMIT");
    await link.closed();
  });

  test("fails alone when too much of one stream waits while it reads the other", async (t) => {
    const { open } = await start(t, { maxBufferedStdin: 100_000 });
    const link = await open();
    link.send(head(2, { method: "POST", body: "body" }));
    link.send(begun(1, { params: [["CONTENT_LENGTH", "10000000"]] }));
    // At most 64 KB count as wanted; after them up to 800,000 bytes may be buffered.
    for (let sent = 0; sent < 20; sent++) link.send(wire.record(wire.STDIN, 1, Buffer.alloc(60_000)));
    assert.equal((await link.response(1)).appStatus, 1);
    link.send(wire.record(wire.STDIN, 2, "body"), request(3));
    assert.equal((await link.response(3)).text, "responder");
    assert.equal((await link.response(2)).text, "responder");
  });

  test("whose DATA does not come fails after stdinTimeout", async (t) => {
    const { open, server } = await start(t, { stdinTimeout: 30, connectionsCheckingInterval: 10 });
    const link = await open();
    const code = clientErrorCode(server);
    link.send(begun(1), wire.record(wire.STDIN, 1));
    assert.equal(await code, "ERR_FCGI_TIMEOUT");
    await link.closed();
  });
});
