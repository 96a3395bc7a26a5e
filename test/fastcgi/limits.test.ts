import assert from "node:assert/strict";
import { once } from "node:events";
import type { RequestListener } from "node:http";
import { describe, test } from "node:test";
import { createServer } from "../../src/index.ts";
import { memoryUsed } from "../support/memory.ts";
import { head, request } from "../support/request.ts";
import { clientErrorCode, startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const hello: RequestListener = (_req, res) => void res.end("hello");
/** Never responds. */
const hang: RequestListener = () => {};
const MEBIBYTE = 1_048_576;

describe("limits of params", () => {
  test("params over maxParamsLength get 431, and the connection goes on", async (t) => {
    const { open } = await startServer(t, { maxParamsLength: 1000 }, hello);
    const link = await open();
    link.send(request(1, { params: [["HTTP_LONG", "x".repeat(1000)]] }));
    assert.equal((await link.response(1)).status, 431);
    link.send(request(1));
    assert.equal((await link.response(1)).status, 200);
  });

  test("params over four times maxParamsLength destroy the connection with ERR_FCGI_LIMIT", async (t) => {
    const { open, server } = await startServer(t, { maxParamsLength: 1000 }, hello);
    const link = await open();
    const code = clientErrorCode(server);
    link.send(request(1, { params: [["HTTP_LONG", "x".repeat(4000)]] }));
    await link.closed();
    assert.equal(await code, "ERR_FCGI_LIMIT");
  });

  test("header fields of maxHeaderSize get 431, and the connection goes on", async (t) => {
    const { open, server } = await startServer(t, { maxHeaderSize: 1000 }, hello);
    const link = await open();
    const codes: unknown[] = [];
    server.on("clientError", (error: Error & { code?: string }, socket) => {
      codes.push(error.code);
      socket.end("HTTP/1.1 431 Request Header Fields Too Large\r\n\r\n");
    });
    link.send(request(1, { params: [["HTTP_LONG", "x".repeat(1000)]] }));
    assert.equal((await link.response(1)).status, 431);
    assert.deepEqual(codes, ["HPE_HEADER_OVERFLOW"]);
    link.send(request(1, { params: [["HTTP_LONG", "x".repeat(900)]] }));
    assert.equal((await link.response(1)).status, 200);
    link.send(request(1, { params: [["DOCUMENT_ROOT", "x".repeat(5000)]] }));
    assert.equal((await link.response(1)).status, 200, "other variables are not counted");
  });

  test("more pairs than maxParams get 431", async (t) => {
    const { open } = await startServer(t, { maxParams: 20 }, hello);
    const link = await open();
    const params = Array.from({ length: 20 }, (_, index) => [`HTTP_X${index}`, "1"] as const);
    link.send(request(1, { params }));
    assert.equal((await link.response(1)).status, 431);
    link.send(request(1, { params: params.slice(0, 16) }));
    assert.equal((await link.response(1)).status, 200);
  });

  test("a value of 200,000 bytes arrives where maxHeaderSize allows it, and params grow with it", async (t) => {
    const report: RequestListener = (req, res) => res.end(String(req.headers.long?.length));
    const { open } = await startServer(t, { maxHeaderSize: 1_000_000 }, report);
    const link = await open();
    for (const length of [200_000, 900_000]) {
      link.send(request(1, { params: [["HTTP_LONG", "x".repeat(length)]] }));
      assert.equal((await link.response(1)).text, String(length));
    }
  });
});

describe("limits of requests", () => {
  test("requests beyond maxRequestsPerConnection get OVERLOADED", async (t) => {
    const { open } = await startServer(t, { maxRequestsPerConnection: 2 }, hang);
    const link = await open();
    link.send(head(1), head(2), head(3));
    assert.equal((await link.response(3)).protocolStatus, 2);
    assert.equal(link.hasEnded(1), false);
  });

  test("a second request gets CANT_MPX_CONN where maxRequestsPerConnection is 1", async (t) => {
    const { open } = await startServer(t, { maxRequestsPerConnection: 1 }, hang);
    const link = await open();
    link.send(head(1), head(2));
    assert.equal((await link.response(2)).protocolStatus, 1);
    link.send(wire.record(wire.GET_VALUES, 0, wire.pair("FCGI_MPXS_CONNS", "")));
    await link.until("values", () => link.records.some(({ type }) => type === wire.GET_VALUES_RESULT));
    const result = link.records.find(({ type }) => type === wire.GET_VALUES_RESULT);
    assert.deepEqual(wire.readPairs(result!.content), [["FCGI_MPXS_CONNS", "0"]]);
  });

  test("requests beyond maxRequests get 503, and those after them are served", async (t) => {
    const { open } = await startServer(t, { maxRequests: 2 }, (req, res) => {
      if (req.url === "/go") res.end("hello");
    });
    const [one, two] = [await open(), await open()];
    one.send(head(1), head(2));
    // The response to a later request of the connection shows that both have reached the application.
    one.send(request(3));
    assert.equal((await one.response(3)).status, 503);
    two.send(request(1));
    assert.equal((await two.response(1)).status, 503);
    one.send(wire.record(wire.ABORT_REQUEST, 1));
    await one.response(1);
    two.send(request(1, { url: "/go" }));
    assert.equal((await two.response(1)).status, 200);
  });

  test("requests that end before their params do not raise maxRequests", async (t) => {
    const { open } = await startServer(t, { maxRequests: 1 }, hang);
    const link = await open();
    for (let id = 1; id <= 5; id++) link.send(wire.begin(id, 1), wire.record(wire.ABORT_REQUEST, id));
    await link.response(5);
    link.send(head(6), request(7));
    assert.equal((await link.response(7)).status, 503);
  });

  test("maxRequestsPerSocket closes a connection once it is idle, and still responds to what comes before", async (t) => {
    const { open, server } = await startServer(t, { connectionsCheckingInterval: 20 }, hello);
    server.maxRequestsPerSocket = 2;
    const link = await open();
    link.send(request(1), request(2), request(3));
    for (const id of [1, 2, 3]) assert.equal((await link.response(id)).status, 200);
    await link.closed();
  });

  test("maxConnections refuses further connections with a drop event", async (t) => {
    const { open, server } = await startServer(t, {}, hello);
    server.maxConnections = 1;
    const first = await open();
    first.send(request(1));
    await first.response(1);
    const dropped = once(server, "drop");
    const second = await open();
    await second.closed();
    await dropped;
  });
});

describe("limits of bodies and responses", () => {
  test("STDIN before the end of params is held up to maxBufferedStdin, then ERR_FCGI_LIMIT", async (t) => {
    const { open, server } = await startServer(t, { maxBufferedStdin: 1000 }, hello);
    const link = await open();
    const code = clientErrorCode(server);
    link.send(wire.begin(1, 1), wire.record(wire.STDIN, 1, "x".repeat(1001)));
    assert.equal(await code, "ERR_FCGI_LIMIT");
    await link.closed();
  });

  test("options that are no numbers are TypeErrors, negative, or 0 where that makes no sense, RangeErrors", () => {
    assert.throws(() => createServer({ maxParamsLength: 0 }), RangeError);
    assert.throws(() => createServer({ maxHeaderSize: -1 }), RangeError);
    assert.throws(() => createServer({ beginTimeout: -1 }), /option beginTimeout is -1/);
    assert.throws(() => createServer({ maxParams: Number.NaN }), RangeError);
    assert.throws(() => createServer({ maxRequests: "9" as unknown as number }), {
      code: "ERR_INVALID_ARG_TYPE",
    });
    createServer({ beginTimeout: 0 }).close();
  });
});

describe("floods leave memory bounded and others served", () => {
  const floods: readonly [name: string, bytes: () => Buffer, times: number][] = [
    ["300,000 empty records", () => Buffer.concat(new Array(3000).fill(wire.record(wire.STDIN, 5))), 100],
    ["50,000 GET_VALUES whose responses nobody reads", () => valuesFlood(500), 100],
    ["100,000 unknown management records whose responses nobody reads", () => unknownFlood(1000), 100],
  ];
  for (const [name, make, times] of floods) {
    test(name, async (t) => {
      const { open } = await startServer(t, {}, hello);
      const [link, other] = [await open(), await open()];
      const before = memoryUsed();
      link.pause();
      const bytes = make();
      // Not awaited: the server stops reading while its responses are not read.
      for (let index = 0; index < times; index++) link.send(bytes);
      other.send(request(1));
      assert.equal((await other.response(1)).status, 200);
      assert.ok(memoryUsed() - before < 64 * MEBIBYTE);
    });
  }

  test("1,500 connections, 300 of them stuck in half a record: the others are served", async (t) => {
    const { open, server } = await startServer(t, {}, hello);
    const links = await Promise.all(Array.from({ length: 1500 }, open));
    for (const link of links.slice(0, 300)) link.send(request(1).subarray(0, 30));
    const others = links.slice(300);
    for (const link of others) link.send(request(1));
    for (const link of others) assert.equal((await link.response(1)).status, 200);
    assert.equal(
      await new Promise((resolve) => server.getConnections((_error, count) => resolve(count))),
      1500,
    );
    for (const link of links.slice(0, 300)) link.send(request(1).subarray(30));
    for (const link of links.slice(0, 300)) assert.equal((await link.response(1)).status, 200);
  });

  test("65,535 requests that begin and never go on", async (t) => {
    const { open } = await startServer(t, {}, hello);
    const [link, other] = [await open(), await open()];
    const before = memoryUsed();
    const begins = Array.from({ length: 65_535 }, (_, index) => wire.begin(index + 1, 1));
    link.send(...begins);
    assert.equal((await link.response(101)).protocolStatus, 2);
    assert.equal((await link.response(65_535)).protocolStatus, 2);
    other.send(request(1));
    assert.equal((await other.response(1)).status, 200);
    assert.ok(memoryUsed() - before < 128 * MEBIBYTE, "the test keeps 65,435 responses itself");
  });
});

function valuesFlood(count: number): Buffer {
  const names = wire.pairs([
    ["FCGI_MPXS_CONNS", ""],
    ["FCGI_MAX_REQS", ""],
  ]);
  return Buffer.concat(new Array(count).fill(wire.record(wire.GET_VALUES, 0, names)));
}

function unknownFlood(count: number): Buffer {
  return Buffer.concat(new Array(count).fill(wire.record(77, 0)));
}
