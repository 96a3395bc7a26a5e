import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type HeadLimits, readRequestHead } from "../../src/cgi/read-request-head.ts";
import { emitRequest, readMessageOptions } from "../../src/http/messages.ts";
import type { RequestSocket } from "../../src/http/request-socket.ts";
import { createRequestSocket } from "../../src/http/secure-request-socket.ts";
import { createServer, type FastCGIServer, isFastCGISocket } from "../../src/index.ts";
import { encodeNameValuePairs } from "../../src/protocol/name-value.ts";
import { MemoryTransport } from "./memory-transport.ts";

const LIMITS: HeadLimits = {
  maxPairs: 100,
  maxHeaderSize: 10_000,
  joinDuplicateHeaders: false,
  forwarded: "drop",
};

interface Started {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly socket: RequestSocket;
  readonly transport: MemoryTransport;
  readonly server: FastCGIServer;
  /** Errors of `requestError` and `clientError`. */
  readonly errors: unknown[];
}

/** Starts a request in memory; that of a POST awaits its body. */
function start(
  params: Readonly<Record<string, string>> = {},
  listener: (req: IncomingMessage, res: ServerResponse) => void = () => {},
): Started {
  const errors: unknown[] = [];
  const server = createServer();
  server.on("requestError", (error) => errors.push(error));
  server.on("clientError", (error) => errors.push(error));
  const all = { REQUEST_METHOD: "GET", REQUEST_URI: "/", SERVER_PROTOCOL: "HTTP/1.1", ...params };
  const transport = new MemoryTransport(encodeNameValuePairs(Object.entries(all)));
  const head = readRequestHead(transport.params, LIMITS);
  const socket = createRequestSocket(server, transport, head);
  let started: Pick<Started, "req" | "res"> | undefined;
  emitRequest(server, socket, head, readMessageOptions({}), (req, res) => {
    started = { req, res };
    listener(req, res);
  });
  assert.ok(started);
  if (head.method !== "POST") socket.onStdinEnd();
  return { ...started, socket, transport, server, errors };
}

/** The lines of a response without Date. */
function withoutDate(output: string): string {
  return output.replace(/Date: [^\r]*\r\n/, "");
}

const POST = { REQUEST_METHOD: "POST", CONTENT_LENGTH: "6" };

describe("RequestSocket writes", () => {
  test("a response in one piece at the end of the tick", async () => {
    const { res, transport } = start();
    res.setHeader("A", "b");
    res.write("x");
    res.end("y");
    assert.equal(transport.output, "");
    await once(res, "finish");
    assert.equal(withoutDate(transport.output), "Status: 200 OK\r\nA: b\r\n\r\nxy");
    assert.deepEqual(transport.calls[0], "end");
  });

  test("a response of several ticks piece by piece", async () => {
    const { res, transport } = start();
    res.write("x");
    await nextTurn();
    assert.match(transport.output, /\r\n\r\nx$/);
    assert.deepEqual(transport.calls, ["flush"]);
    res.end("y");
    await once(res, "close");
    assert.match(transport.output, /\r\n\r\nxy$/);
  });

  test("and returns false until the transport has room, then emits drain", async () => {
    const { res, transport } = start();
    transport.hasRoom = false;
    assert.equal(res.write("x"), false);
    assert.ok(res.writableNeedDrain);
    await nextTurn();
    transport.hasRoom = true;
    const drained = once(res, "drain");
    transport.consumer?.onDrain();
    await drained;
    assert.ok(!res.writableNeedDrain);
  });

  test("and calls back when the bytes have left the process", async () => {
    const { res, transport } = start();
    const events: string[] = [];
    transport.writableLength = 1;
    res.write("x", () => events.push("written"));
    await nextTurn();
    events.push("sent");
    transport.send();
    assert.deepEqual(events, ["sent", "written"]);
  });

  test("an abort in place of the end of a response that is shorter than Content-Length", async () => {
    const { res, transport } = start();
    res.writeHead(200, { "Content-Length": 5 });
    res.end("x");
    await once(res, "close");
    assert.equal(transport.calls[0], "flush");
    assert.ok(transport.calls.includes("abort"));
  });
});

describe("RequestSocket reads", () => {
  test("a body into req, which pauses and resumes the transport", async () => {
    const { req, transport } = start(POST);
    const body = text(req);
    transport.consumer?.onStdin(Buffer.from("abc"));
    transport.consumer?.onStdin(Buffer.from("def"));
    transport.consumer?.onStdinEnd();
    assert.equal(await body, "abcdef");
    assert.ok(req.complete);
    assert.equal(req.socket.bytesRead, 6);
    assert.equal(transport.calls[0], "resume");
  });

  test("no more than the high-water mark without a reader", () => {
    const { transport } = start(POST);
    transport.consumer?.onStdin(Buffer.alloc(8000));
    assert.deepEqual(transport.calls, []);
    transport.consumer?.onStdin(Buffer.alloc(20_000));
    assert.deepEqual(transport.calls, ["pause"]);
  });

  test("and drops a body that is unread after the response", async () => {
    const { req, res, transport } = start(POST);
    transport.consumer?.onStdin(Buffer.from("abc"));
    res.end();
    await once(res, "close");
    assert.ok(transport.calls.includes("discard"));
    assert.equal(transport.consumer?.isReading, false);
    transport.consumer?.onStdinEnd();
    await once(req, "close");
  });

  test("and goes on after the response for a reader", async () => {
    const { req, res, transport } = start(POST);
    const body = text(req);
    res.end();
    await once(res, "close");
    assert.equal(transport.consumer?.isReading, true);
    transport.consumer?.onStdin(Buffer.from("abcdef"));
    transport.consumer?.onStdinEnd();
    assert.equal(await body, "abcdef");
    assert.ok(!transport.calls.includes("discard"));
  });
});

describe("RequestSocket ends", () => {
  test("with close after the response, without an error", async () => {
    const { req, res, socket } = start();
    const closed = once(socket, "close");
    res.end();
    assert.deepEqual(await closed, [false]);
    assert.ok(socket.destroyed);
    assert.equal(socket.readyState, "closed");
    assert.ok(req.complete);
  });

  test("by destroy(): the transport aborts, and pending writes fail", async () => {
    const { res, socket, transport, errors } = start();
    const written = new Promise((resolve) => res.write("x", resolve));
    const failed = once(socket, "error");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const error = new Error("gone");
    socket.destroy(error);
    assert.equal(await written, error);
    assert.deepEqual(await failed, [error]);
    assert.equal(await closed, true);
    assert.deepEqual(transport.calls, ["abort"]);
    assert.deepEqual(errors, [error]);
    socket.destroy();
    assert.equal(socket.write("x"), false);
    assert.deepEqual(transport.calls, ["abort"]);
  });

  test("by end(), which calls back in each of its forms, as a net.Socket does", async () => {
    const forms: ((socket: RequestSocket, callback: (error?: Error | null) => void) => void)[] = [
      (socket, callback) => socket.end(callback),
      (socket, callback) => socket.end("x", callback),
      (socket, callback) => socket.end("x", "latin1", callback),
    ];
    for (const end of forms) {
      const { res, socket, transport } = start();
      res.flushHeaders();
      await new Promise((resolve) => end(socket, resolve));
      assert.deepEqual(transport.calls.at(-1), "abort");
      const error = await new Promise((resolve) => end(socket, resolve));
      assert.match(String(error), /the request is over/);
    }
  });

  test("by an abort of the transport within the body: req fails as in node:http", async () => {
    const { req, socket, errors } = start(POST);
    const failed = once(req, "error");
    const aborted = once(req, "aborted");
    socket.onStdin(Buffer.from("abc"));
    socket.onAbort();
    assert.equal((await failed)[0].code, "ECONNRESET");
    await aborted;
    assert.equal((errors[0] as NodeJS.ErrnoException).code, "HPE_INVALID_EOF_STATE");
    assert.equal(errors.length, 1);
  });

  test("by an abort with an error that was reported: clientError is not emitted again", async () => {
    const { socket, errors } = start(POST);
    const failed = once(socket, "error");
    const error = new Error("reset");
    socket.onAbort(error, true);
    assert.deepEqual(await failed, [error]);
    assert.deepEqual(errors, []);
  });

  test("by an abort before the response: res closes unfinished", async () => {
    const { res, socket } = start();
    const closed = once(res, "close");
    socket.onAbort();
    await closed;
    assert.ok(!res.writableFinished);
    assert.ok(socket.destroyed);
  });

  test("by a timeout without a listener", async (t: TestContext) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { socket, transport } = start();
    socket.setTimeout(50);
    t.mock.timers.tick(49);
    assert.ok(!socket.destroyed);
    t.mock.timers.tick(1);
    assert.ok(socket.destroyed);
    assert.deepEqual(transport.calls, ["abort"]);
  });
});

describe("RequestSocket keeps an exception of the application within its request:", () => {
  test("that of the listener becomes a 500", async () => {
    const error = new Error("thrown");
    const { res, transport, errors } = start({}, () => {
      throw error;
    });
    await once(res, "finish");
    assert.match(
      transport.output,
      /^Status: 500 Internal Server Error\r\n.*\r\n\r\nInternal Server Error\n$/s,
    );
    assert.deepEqual(errors, [error]);
  });

  for (const [method, body] of [
    ["GET", "Internal Server Error\n"],
    ["HEAD", ""],
  ] as const) {
    test(`a 500 of its own to ${method} if res cannot write it`, () => {
      const { transport, errors } = start({ REQUEST_METHOD: method }, (_req, res) => {
        res.end = () => {
          throw new Error("replaced");
        };
        throw new Error("thrown");
      });
      const head = "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 22\r\n\r\n";
      assert.equal(transport.output, `Status: 500 Internal Server Error\r\n${head}${body}`);
      assert.equal(errors.length, 1);
    });
  }

  test("that of a callback after the head cuts the response off", async () => {
    const { res, transport, errors } = start();
    res.write("x", () => {
      throw new Error("thrown");
    });
    await once(res, "close");
    assert.deepEqual(transport.calls.slice(0, 2), ["flush", "resume"]);
    assert.ok(transport.calls.includes("abort"));
    assert.equal(errors.length, 1);
  });
});

describe("RequestSocket is the application's, too:", () => {
  test("properties that it sets do not change how the request is served", async () => {
    const { req, res, socket, transport } = start(POST);
    const names = ["transport", "head", "req", "res", "output", "timer", "callbacks", "pieces", "request"];
    for (const name of names) assert.ok(Reflect.set(socket, name, "own"), name);
    const body = text(req);
    socket.onStdin(Buffer.from("abcdef"));
    socket.onStdinEnd();
    assert.equal(await body, "abcdef");
    res.end("y");
    await once(res, "close");
    assert.match(transport.output, /^Status: 200 OK\r\n.*\r\n\r\ny$/s);
    for (const name of names) assert.equal(Reflect.get(socket, name), "own");
  });

  test("stderr is FCGI_STDERR, appStatus goes to the transport, and role is a name", async () => {
    const { socket, transport } = start();
    assert.ok(isFastCGISocket(socket));
    socket.stderr.write("line\n");
    socket.appStatus = 5;
    assert.equal(transport.stderr, "line\n");
    assert.equal(transport.appStatus, 5);
    assert.equal(socket.role, "responder");
  });
});
