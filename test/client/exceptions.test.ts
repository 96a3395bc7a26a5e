/** What the caller's code throws is the caller's: other requests of the connection go on, and nothing leaks. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import {
  createGateway,
  FastCGIClient,
  type FastCGIResponse,
  type GatewayOptions,
} from "../../src/client/index.ts";
import { type ReceivedRequest, startResponder } from "./responder.ts";

const GET = { REQUEST_METHOD: "GET", REQUEST_URI: "/" };
const OK = "Status: 200 OK\r\n\r\n";
const thrown = new Error("thrown by the caller's code");

/** Catches the exceptions of one test. */
function catchExceptions(t: TestContext): unknown[] {
  const caught: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => caught.push(error));
  t.after(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  });
  return caught;
}

/** Two requests on one connection, which is the only one; both are responded to in one write. */
async function startNeighbours(t: TestContext) {
  const requests: ReceivedRequest[] = [];
  const values = { FCGI_MPXS_CONNS: "1" };
  const responder = await startResponder(
    t,
    (request) => {
      requests.push(request);
      request.write(OK);
    },
    values,
  );
  const client = new FastCGIClient(responder.port, { multiplex: true, maxConnections: 1 });
  t.after(() => client.destroy());
  const [victim, neighbour] = await Promise.all([client.request(GET), client.request(GET)]);
  const finish = (): void => {
    const { socket } = requests[0]!;
    socket.cork();
    for (const request of requests.slice(0, 2)) {
      request.writeError("stderr");
      request.write("x".repeat(100_000));
      request.write("end");
    }
    for (const request of requests.slice(0, 2)) request.end();
    socket.uncork();
  };
  return { client, responder, requests, victim, neighbour, finish };
}

const throwing: Record<string, (response: FastCGIResponse) => void> = {
  "data of the body": ({ body }) => body.on("data", fail),
  "readable of the body": ({ body }) => body.on("readable", fail),
  "end of the body": ({ body }) => body.on("end", fail).resume(),
  "close of the body": ({ body }) => body.on("close", fail).resume(),
  "data of stderr": ({ body, stderr }) => {
    stderr.on("data", fail);
    body.resume();
  },
};

function fail(): never {
  throw thrown;
}

for (const [name, listen] of Object.entries(throwing)) {
  test(`a listener that throws (${name}) leaves the neighbour and the connection alone`, async (t) => {
    const caught = catchExceptions(t);
    const { client, responder, requests, victim, neighbour, finish } = await startNeighbours(t);
    listen(victim);
    const content = text(neighbour.body);
    finish();
    assert.equal((await content).length, 100_003);
    await victim.ended.catch(() => {});
    if (!victim.body.closed) await once(victim.body, "close");
    assert.deepEqual(new Set(caught), new Set([thrown]));
    // The place of the victim is free: the one connection takes as many requests as before.
    const more = client.request(GET);
    while (requests.length < 3) await new Promise((resolve) => setImmediate(resolve));
    requests[2]!.end("more");
    assert.equal(await text((await more).body), "more");
    assert.equal(responder.sockets.length, 2);
  });
}

test("a body that throws fails its request alone", async (t) => {
  const bodies: Record<string, () => Readable | AsyncIterable<string>> = {
    "read()": () =>
      new Readable({
        read() {
          throw thrown;
        },
      }),
    "an iterator": () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(thrown) }),
    }),
    "a generator": async function* () {
      yield "part";
      throw thrown;
    },
    "what is no body": () => Readable.from([{}]),
  };
  for (const [name, makeBody] of Object.entries(bodies)) {
    const { victim, neighbour, finish, client } = await startNeighbours(t);
    victim.body.resume();
    const response = client.request(GET, { body: makeBody() });
    const failure = response.then(({ ended }) => ended);
    await assert.rejects(failure, { code: "ERR_FCGI_ABORTED" }, name);
    const content = text(neighbour.body);
    finish();
    assert.equal((await content).length, 100_003, name);
  }
});

test("a body whose methods throw is an exception, and its request goes on", async (t) => {
  const caught = catchExceptions(t);
  const { client, requests } = await startNeighbours(t);
  const body = new Readable({ read() {} });
  body.destroy = fail;
  const response = client.request(GET, { body });
  while (requests.length < 3) await new Promise((resolve) => setImmediate(resolve));
  requests[2]!.end("early");
  assert.equal(await text((await response).body), "early");
  assert.deepEqual(caught, [thrown]);
});

async function startGateway(
  t: TestContext,
  onRequest: (request: ReceivedRequest) => void,
  options: GatewayOptions,
  wrap = (gateway: http.RequestListener): http.RequestListener => gateway,
) {
  const responder = await startResponder(t, onRequest);
  const gateway = createGateway(responder.port, { maxConnections: 1, ...options });
  const server = http.createServer(wrap(gateway)).listen(0, "127.0.0.1");
  t.after(() => {
    gateway.client.destroy();
    server.close();
    server.closeAllConnections();
  });
  await once(server, "listening");
  return { responder, gateway, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("an onError that throws does not change the response and frees its connection", async (t) => {
  const caught = catchExceptions(t);
  const { base } = await startGateway(t, (request) => request.end("nonsense"), { onError: fail });
  for (let n = 0; n < 3; n++) assert.equal((await fetch(base)).status, 502);
  assert.deepEqual(caught, [thrown, thrown, thrown]);
});

test("an onStderr that throws does not change the response", async (t) => {
  const caught = catchExceptions(t);
  const onRequest = (request: ReceivedRequest): void => {
    request.writeError("a word aside");
    request.end(`${OK}body`);
  };
  const { base } = await startGateway(t, onRequest, { onStderr: fail });
  for (let n = 0; n < 3; n++) assert.equal(await (await fetch(base)).text(), "body");
  assert.deepEqual(caught, [thrown, thrown, thrown]);
});

test("a params function that throws or returns no params leads to 500 and to onError", async (t) => {
  const errors: Error[] = [];
  const results: (() => never)[] = [fail, () => Promise.resolve({}) as never, () => ({ A: 5 }) as never];
  const { base } = await startGateway(t, (request) => request.end(OK), {
    params: () => results.shift()?.() ?? {},
    onError: (error) => errors.push(error),
  });
  for (const status of [500, 500, 500, 200]) assert.equal((await fetch(base)).status, status);
  assert.equal(errors[0], thrown);
  assert.match(errors[1]!.message, /a Promise: await it first/);
  assert.match(errors[2]!.message, /param A is 5: give a string/);
});

const replaced: Record<string, (res: http.ServerResponse) => void> = {
  setHeader: (res) => Object.assign(res, { setHeader: fail }),
  write: (res) => Object.assign(res, { write: fail }),
  flushHeaders: (res) => Object.assign(res, { flushHeaders: fail }),
  end: (res) => Object.assign(res, { end: fail }),
};

for (const [name, replace] of Object.entries(replaced)) {
  test(`a ${name}() of a middleware that throws leaves no place in the pool taken`, async (t) => {
    catchExceptions(t);
    let isReplaced = true;
    const onRequest = (request: ReceivedRequest): void => {
      // Where there is nothing of the body yet, the head is flushed.
      if (isReplaced)
        request.write(`Content-Type: text/plain\r\n\r\n${name === "flushHeaders" ? "" : "part"}`);
      if (isReplaced && name === "end") request.end();
      if (!isReplaced) request.end(`${OK}whole`);
    };
    const { base } = await startGateway(t, onRequest, {}, (gateway) => (req, res) => {
      if (isReplaced) replace(res);
      gateway(req, res);
    });
    for (let n = 0; n < 2; n++) {
      await fetch(base)
        .then(
          (res) => res.text(),
          () => {},
        )
        .catch(() => {});
    }
    isReplaced = false;
    assert.equal(await (await fetch(base)).text(), "whole");
  });
}

test("a response that a middleware ended frees the application", async (t) => {
  const requests: ReceivedRequest[] = [];
  let end: (() => void) | undefined;
  const onRequest = (request: ReceivedRequest): void => {
    requests.push(request);
    if (requests.length <= 2) {
      end?.();
      request.write(`${OK}${"x".repeat(200_000)}`);
    } else {
      request.end(`${OK}whole`);
    }
  };
  const { base } = await startGateway(t, onRequest, {}, (gateway) => (req, res) => {
    end = () => {
      res.statusCode = 503;
      res.end("too slow");
    };
    gateway(req, res);
  });
  for (let n = 0; n < 2; n++) assert.equal(await (await fetch(base)).text(), "too slow");
  assert.equal(await (await fetch(base)).text(), "whole");
});

test("a request whose HTTP client disconnected before the gateway is called is not sent", async (t) => {
  let received = 0;
  const events = new EventEmitter();
  const called = once(events, "called");
  const { base } = await startGateway(
    t,
    (request) => {
      received++;
      request.end(OK);
    },
    {},
    (gateway) => (req, res) => {
      if (req.url !== "/gone") return gateway(req, res);
      res.once("close", () => {
        gateway(req, res);
        events.emit("called");
      });
      controller.abort();
    },
  );
  const controller = new AbortController();
  await assert.rejects(fetch(`${base}/gone`, { signal: controller.signal }));
  await called;
  assert.equal((await fetch(base)).status, 200);
  assert.equal(received, 1);
});
