import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fastify from "fastify";
import { FastCGIClient } from "../../src/client/index.ts";
import { createServer, type FastCGIServerOptions } from "../../src/index.ts";
import { Link, type ReceivedResponse } from "../support/link.ts";
import { head, request } from "../support/request.ts";
import { GET, startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";
import type { State } from "./failing-application.ts";
import { SECRET } from "./failures.ts";

type Listener = (error: Error & { code: string }, socket: Socket) => void;

/** What a client can do wrong through any web server, and the code of the error. */
const faults: readonly [
  name: string,
  bytes: (id: number, keepConn: boolean) => Buffer,
  status: number,
  code: string,
][] = [
  ["an unknown method", (id, keepConn) => request(id, { keepConn, method: "FOO" }), 400, "ERR_FCGI_PROTOCOL"],
  [
    "malformed params",
    (id, keepConn) =>
      Buffer.concat([
        wire.begin(id, keepConn ? wire.KEEP_CONN : 0),
        wire.record(wire.PARAMS, id, Buffer.of(9, 1, 65)),
        wire.record(wire.PARAMS, id),
        wire.record(wire.STDIN, id),
      ]),
    400,
    "ERR_FCGI_PROTOCOL",
  ],
  [
    "params over maxHeaderSize",
    (id, keepConn) => request(id, { keepConn, params: [["HTTP_LONG", "x".repeat(1000)]] }),
    431,
    "HPE_HEADER_OVERFLOW",
  ],
  [
    "more pairs than maxParams",
    (id, keepConn) =>
      request(id, { keepConn, params: Array.from({ length: 20 }, (_, index) => [`HTTP_X${index}`, "1"]) }),
    431,
    "HPE_HEADER_OVERFLOW",
  ],
];
const options: FastCGIServerOptions = { maxHeaderSize: 1000, maxParams: 20, maxRequests: 3 };

/** As Node's documentation has it. */
const documented: Listener = (error, socket) => {
  if (error.code === "ECONNRESET" || !socket.writable) return;
  socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
};

/** Listeners, and what has to arrive; undefined for the response without a listener. */
const listeners: readonly [
  name: string,
  listener: Listener | undefined,
  head: string | undefined,
  body: string,
][] = [
  ["no listener", undefined, undefined, ""],
  ["the listener of Node's documentation", documented, "Status: 400 Bad Request", ""],
  ["a listener that destroys the socket", (_error, socket) => void socket.destroy(), undefined, ""],
  [
    "a listener that destroys it with the error",
    (error, socket) => void socket.destroy(error),
    undefined,
    "",
  ],
  [
    "a listener that writes and destroys",
    (error, socket) => {
      socket.write("HTTP/1.1 422 No\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nno");
      socket.destroy(error);
    },
    "Status: 422 No\r\nContent-Length: 2\r\nContent-Type: text/plain",
    "no",
  ],
  [
    "a listener that writes in pieces, later",
    async (_error, socket) => {
      socket.write("HTTP/1.0 400 Bad");
      await setImmediate();
      socket.write(Buffer.from(" Request\r\nConnection: close\r\nX: y\r\n"));
      await setImmediate();
      socket.end("\r\nb\u00f6dy", "latin1");
    },
    "Status: 400 Bad Request\r\nX: y",
    "b\u00f6dy",
  ],
  [
    "a listener that writes more than Content-Length",
    (_error, socket) =>
      void socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno, HTTP/1.1 200 OK"),
    "Status: 400 Bad Request\r\nContent-Length: 2",
    "no",
  ],
  ["a listener that writes no HTTP", (_error, socket) => void socket.end("no"), undefined, ""],
  ["a listener that takes its time for ever", () => {}, undefined, ""],
];

function check(response: ReceivedResponse, expectedHead: string, body: string): void {
  assert.equal(response.head, expectedHead);
  assert.equal(response.text, body);
  assert.deepEqual([response.appStatus, response.protocolStatus, response.stderr], [0, 0, ""]);
}

for (const [faultName, fault, status, code] of faults) {
  describe(`${faultName}`, () => {
    for (const [name, listener, expectedHead, body] of listeners) {
      test(`${name}: responds to that request only`, async (t) => {
        const { server, open } = await startServer(t, options, (req, res) => {
          req.resume().on("end", () => res.end("hello"));
        });
        server.headersTimeout = 50;
        const codes: string[] = [];
        if (listener !== undefined) {
          server.on("clientError", (error: Error & { code: string }, socket: Socket) => {
            codes.push(error.code);
            listener(error, socket);
          });
        }
        const ownHead =
          status === 400 ? "Status: 400 Bad Request" : "Status: 431 Request Header Fields Too Large";
        const kept = await open();
        for (let round = 0; round < 2; round++) {
          // With a neighbour that is open and one that comes in the same chunk that makes three slots.
          kept.send(head(1, { method: "POST", body: "body" }));
          kept.send(fault(2, true));
          check(await kept.response(2), expectedHead ?? ownHead, body);
          kept.send(fault(2, true), wire.record(wire.STDIN, 1, "body"), request(3));
          assert.equal((await kept.response(1)).text, "hello");
          check(await kept.response(2), expectedHead ?? ownHead, body);
          assert.equal((await kept.response(3)).text, "hello");
        }
        const link = await open();
        link.send(fault(1, false));
        check(await link.response(1), expectedHead ?? ownHead, body);
        await link.closed();
        assert.deepEqual(new Set(codes), new Set(listener === undefined ? [] : [code]));
      });
    }
  });
}

test("what a listener writes in response to HEAD goes without its body", async (t) => {
  const { server, open } = await startServer(t, options, () => {});
  server.on("clientError", (_error, socket) => {
    socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nbody");
  });
  const link = await open();
  const params = Array.from({ length: 20 }, (_, index) => [`HTTP_X${index}`, "1"] as const);
  link.send(request(1, { method: "HEAD", params }));
  check(await link.response(1), "Status: 400 Bad Request\r\nContent-Length: 4", "");
});

test("the socket tells whose request it is, calls back, and closes once", async (t) => {
  const { server, open } = await startServer(t, options, () => {});
  const events: unknown[] = [];
  server.on("clientError", (error, socket: Socket) => {
    events.push(socket.remoteAddress, socket.writable, socket.destroyed);
    for (const event of ["error", "close"]) socket.on(event, () => events.push(event));
    socket.write("HTTP/1.1 400 Bad Request\r\n\r\n", () => events.push("written"));
    socket.end(() => events.push("ended"));
    socket.destroy(error).destroy();
    assert.equal(socket.write("more"), false);
    events.push(socket.writable, socket.destroyed);
  });
  const link = await open();
  link.send(request(1, { method: "FOO", params: [["REMOTE_ADDR", "192.0.2.1"]] }));
  check(await link.response(1), "Status: 400 Bad Request", "");
  await setImmediate();
  assert.deepEqual(events, ["192.0.2.1", true, false, false, true, "written", "ended", "close"]);
});

test("no REQUEST_METHOD is told to clientError, but its response is the server's", async (t) => {
  const { server, open } = await startServer(t, options, () => {});
  const heard = once(server, "clientError");
  const link = await open();
  link.send(wire.begin(1, 1), wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1));
  const response = await link.response(1);
  assert.equal(response.status, 500);
  assert.match(response.text, /include fastcgi_params/);
  const [error, socket] = await heard;
  assert.deepEqual([error.code, socket.writable], ["ERR_FCGI_PROTOCOL", false]);
});

test("a request that is given up while a listener takes its time gives its slot back", async (t) => {
  const { server, open } = await startServer(t, { maxRequests: 1 }, (_req, res) => res.end("hello"));
  const link = await open();
  const heard = once(server, "clientError");
  link.send(request(1, { method: "FOO" }));
  const [, socket] = await heard;
  // Requests that wait for a listener are limited, too.
  link.send(request(2, { method: "FOO" }));
  assert.equal((await link.response(2)).status, 503);
  const closed = once(socket, "close");
  link.send(wire.record(wire.ABORT_REQUEST, 1));
  await link.response(1);
  await closed;
  assert.equal(socket.destroyed, true);
  socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  link.send(request(3));
  assert.equal((await link.response(3)).text, "hello");
  assert.equal(link.records.filter(({ id, type }) => id === 1 && type === wire.STDOUT).length, 0);
});

test("a listener that throws: uncaughtException hears of it, and the request still gets a response", async (t) => {
  const child = fork(fileURLToPath(new URL("failing-application.ts", import.meta.url)), ["clientError"], {
    execArgv: ["--import", "tsx"],
  });
  t.after(() => child.kill());
  await once(child, "message");
  const state = async (): Promise<State> => {
    child.send("state");
    return (await once(child, "message"))[0];
  };
  const link = await Link.open({ host: "127.0.0.1", port: (await state()).port }, 10_000);
  for (let round = 0; round < 4; round++) {
    link.send(head(1, { method: "POST", body: "body" }));
    link.send(request(2, { method: "FOO" }), wire.record(wire.STDIN, 1, "body"), request(3));
    check(await link.response(2), "Status: 400 Bad Request", "");
    for (const id of [1, 3]) assert.equal((await link.response(id)).text, "hello");
  }
  link.destroy();
  assert.deepEqual((await state()).uncaught, new Array(4).fill(SECRET));
});

test("Fastify responds to a request that it cannot see, and its neighbours on a multiplexed connection", async (t) => {
  const app = fastify({ serverFactory: (handler) => createServer(handler) });
  const countConnections = promisify((callback: (error: Error | null, count: number) => void) =>
    app.server.getConnections(callback),
  );
  app.post("/echo", (req) => req.body);
  await app.listen({ port: 0, host: "127.0.0.1" });
  const client = new FastCGIClient((app.server.address() as AddressInfo).port, { multiplex: true });
  t.after(() => {
    client.destroy();
    return app.close();
  });
  const post = { ...GET, REQUEST_METHOD: "POST", REQUEST_URI: "/echo", CONTENT_TYPE: "text/plain" };
  // The first request asks the application whether it multiplexes.
  await client.request({ ...post, CONTENT_LENGTH: "4" }, { body: "body" }).then(({ body }) => text(body));
  const before = await countConnections();
  const responses = await Promise.all(
    ["POST", "FOO", "POST", "FOO"].map((method) =>
      client.request({ ...post, REQUEST_METHOD: method, CONTENT_LENGTH: "4" }, { body: "body" }),
    ),
  );
  assert.deepEqual(
    await Promise.all(responses.map(async ({ statusCode, body }) => [statusCode, await text(body)])),
    new Array(2)
      .fill([
        [200, "body"],
        [400, '{"error":"Bad Request","message":"Client Error","statusCode":400}'],
      ])
      .flat(),
  );
  assert.equal(await countConnections(), before, "they share one connection");
});
