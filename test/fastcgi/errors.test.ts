import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { FastCGIError, ProtocolError, RequestAbortedError, RequestRefusedError } from "../../src/index.ts";
import { head, request } from "../support/request.ts";
import { startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const hello = (_req: IncomingMessage, res: ServerResponse): void => void res.end("hello");

/** Invalid input, the code of the error, and a part of its message. */
const wrongs: readonly [name: string, bytes: Buffer, code: string, message: RegExp][] = [
  ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "ERR_FCGI_PROTOCOL", /71.*HTTP was sent/],
  ["a TLS hello", Buffer.of(22, 3, 1, 0, 5), "ERR_FCGI_PROTOCOL", /TLS was sent/],
  [
    "version 2",
    wire.record(wire.STDIN, 1, "", { version: 2 }),
    "ERR_FCGI_PROTOCOL",
    /version of a record is 2/,
  ],
  [
    "a BEGIN_REQUEST of 7 bytes",
    wire.record(1, 3, Buffer.alloc(7)),
    "ERR_FCGI_PROTOCOL",
    /request 3 holds 7 bytes/,
  ],
  ["a BEGIN_REQUEST with id 0", wire.begin(0), "ERR_FCGI_PROTOCOL", /request id 0/],
  ["a BEGIN_REQUEST for an open id", Buffer.concat([head(4), head(4)]), "ERR_FCGI_PROTOCOL", /request 4/],
  [
    "GET_VALUES with a length beyond its end",
    wire.record(wire.GET_VALUES, 0, Buffer.of(5, 0, 65)),
    "ERR_FCGI_PROTOCOL",
    /pair 1 ends beyond its stream of 3 bytes/,
  ],
];

describe("bad bytes", () => {
  for (const [name, bytes, code, message] of wrongs) {
    test(`${name}: the connection is destroyed, clientError says ${code}`, async (t) => {
      const { open, server } = await startServer(t, {}, (req) => void req.on("error", () => {}));
      const link = await open();
      const heard = once(server, "clientError");
      link.send(bytes);
      const [error, socket] = await heard;
      assert.ok(error instanceof ProtocolError && error instanceof FastCGIError);
      assert.equal(error.name, "ProtocolError");
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.equal(socket.destroyed, true);
      await link.closed();
    });
  }

  test("malformed params get 400 and are told as ERR_FCGI_PROTOCOL; the connection goes on", async (t) => {
    const { open, server } = await startServer(t, {}, hello);
    const link = await open();
    const codes: string[] = [];
    server.on("clientError", (error: ProtocolError, socket: Socket) => {
      codes.push(error.code);
      socket.destroy();
    });
    link.send(
      wire.begin(1, 1),
      wire.record(wire.PARAMS, 1, Buffer.of(9, 1, 65)),
      wire.record(wire.PARAMS, 1),
    );
    link.send(wire.record(wire.STDIN, 1));
    assert.equal((await link.response(1)).status, 400);
    assert.deepEqual(codes, ["ERR_FCGI_PROTOCOL"]);
    link.send(request(1));
    assert.equal((await link.response(1)).status, 200);
  });

  test("a method that node:http does not know gets 400", async (t) => {
    const { open } = await startServer(t, {}, hello);
    const link = await open();
    for (const method of ["FOO", "get", "G T"]) {
      link.send(request(1, { method }));
      assert.equal((await link.response(1)).status, 400, method);
    }
  });

  test("a request without REQUEST_METHOD gets 500 that names the line missing in nginx", async (t) => {
    const { open } = await startServer(t, {}, hello);
    const link = await open();
    link.send(wire.begin(1, 1), wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1));
    const response = await link.response(1);
    assert.equal(response.status, 500);
    assert.match(response.text, /include fastcgi_params/);
  });
});

describe("an application that fails", () => {
  const failures: readonly [string, (req: IncomingMessage, res: ServerResponse) => unknown][] = [
    ["throws", () => assert.fail("a secret")],
    ["rejects", async () => assert.fail("a secret")],
    [
      "rejects with header fields set",
      async (_req, res) => {
        res.setHeader("Set-Cookie", "session=1").setHeader("Content-Length", "5");
        assert.fail("a secret");
      },
    ],
  ];
  for (const [name, app] of failures) {
    test(`${name} before the head: 500 without the message, and requestError`, async (t) => {
      const { open, server } = await startServer(t, {}, app as () => void);
      const link = await open();
      const heard = once(server, "requestError");
      link.send(request(1, { url: "/path" }));
      const response = await link.response(1);
      assert.equal(response.status, 500);
      assert.equal(response.text, "Internal Server Error\n");
      assert.deepEqual(response.field("set-cookie"), []);
      const [error, req, res] = await heard;
      assert.match(error.message, /a secret/);
      assert.deepEqual([req.url, res.req === req], ["/path", true]);
      link.send(request(1));
      assert.equal((await link.response(1)).status, 500);
    });
  }

  test("throws after the head: the response does not look complete", async (t) => {
    const { open } = await startServer(t, {}, async (_req, res) => {
      res.write("half");
      await new Promise(setImmediate);
      throw new Error("late");
    });
    const alone = await open();
    alone.send(request(1));
    await alone.closed();
    assert.equal(alone.hasEnded(1), false);
  });

  test("throws after the head beside another request: appStatus is not 0", async (t) => {
    const { open } = await startServer(t, {}, async (req, res) => {
      res.write("half");
      if (req.url === "/stay") return;
      await new Promise(setImmediate);
      throw new Error("late");
    });
    const link = await open();
    link.send(request(1, { url: "/stay" }), request(2));
    assert.equal((await link.response(2)).appStatus, 1);
    assert.equal(link.isClosed, false);
  });
});

describe("an application without any error listener", () => {
  test("survives resets at every stage", async (t) => {
    const { port, open } = await startServer(t, {}, (req, res) => {
      req.on("data", () => res.write("more"));
    });
    const whole = request(1, { method: "POST", body: "body".repeat(1000) });
    for (let length = 0; length <= whole.length; length += 97) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      await once(socket, "connect");
      socket.write(whole.subarray(0, length), () => socket.resetAndDestroy());
      await once(socket, "close");
    }
    const link = await open();
    link.send(request(1, { method: "POST", body: "body" }));
    await link.output(1, "more");
  });
});

test("error classes carry what they say", () => {
  const aborted = new RequestAbortedError("gone", { cause: "why" });
  assert.deepEqual(
    [aborted.name, aborted.code, aborted.cause],
    ["RequestAbortedError", "ERR_FCGI_ABORTED", "why"],
  );
  const refused = new RequestRefusedError("overloaded", { protocolStatus: 2 });
  assert.deepEqual(
    [refused.name, refused.code, refused.protocolStatus],
    ["RequestRefusedError", "ERR_FCGI_REFUSED", 2],
  );
  assert.ok(refused instanceof FastCGIError && refused instanceof Error);
});
