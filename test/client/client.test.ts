import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import { FastCGIClient, type FastCGIClientOptions } from "../../src/client/index.ts";
import { ConnectionClosedError, RequestAbortedError, RequestRefusedError } from "../../src/protocol/index.ts";
import { type ReceivedRequest, startResponder } from "./responder.ts";

const GET = { REQUEST_METHOD: "GET", REQUEST_URI: "/" };
const OK = "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n";

/** Starts an application and a client for it. */
async function connect(
  t: TestContext,
  onRequest: (request: ReceivedRequest) => void,
  options: FastCGIClientOptions = {},
  values?: Record<string, string>,
) {
  const responder = await startResponder(t, onRequest, values);
  const client = new FastCGIClient(responder.port, options);
  t.after(() => client.destroy());
  return { responder, client };
}

function endAll(requests: ReceivedRequest[]): void {
  for (const request of requests) request.end(OK);
}

test("sends params and body, and parses the response", async (t) => {
  const { client } = await connect(t, async (request) => {
    const body = await request.body;
    request.writeError("a word aside");
    const head = "Status: 201 Made\r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n";
    request.write(`${head}${body} `);
    request.write(Buffer.from(request.param("N")!, "latin1"));
    request.end();
  });
  const response = await client.request({ REQUEST_METHOD: "POST", N: "ü" }, { body: "hello" });
  assert.equal(response.statusCode, 201);
  assert.equal(response.statusMessage, "Made");
  assert.deepEqual({ ...response.headers }, { "x-a": "1, 2", "set-cookie": ["a", "b"] });
  assert.equal(await text(response.body), "hello ü");
  assert.equal(await text(response.stderr), "a word aside");
  assert.deepEqual(await response.ended, { appStatus: 0, protocolStatus: 0 });
});

test("sends a body from a Buffer, a stream and an async iterable", async (t) => {
  const { client } = await connect(t, async (request) => request.end(OK + (await request.body)));
  async function* pieces() {
    yield "one ";
    yield Buffer.from("two");
  }
  for (const [body, expected] of [
    [Buffer.from("bytes"), "bytes"],
    [Readable.from(["a", "b"]), "ab"],
    [pieces(), "one two"],
    [undefined, ""],
  ] as const) {
    const response = await client.request({ REQUEST_METHOD: "POST" }, { body });
    assert.equal(await text(response.body), expected);
  }
});

test("passes the response on unparsed in raw mode, even if it is no CGI response", async (t) => {
  const { client } = await connect(t, (request) => request.end("no head at all"));
  const raw = await client.requestRaw(GET);
  assert.equal(await text(raw.stdout), "no head at all");
  assert.deepEqual(await raw.ended, { appStatus: 0, protocolStatus: 0 });
});

test("sends FCGI_DATA after FCGI_STDIN to a filter (6.4)", async (t) => {
  const { client } = await connect(t, async (request) => {
    request.end(`${OK}role ${request.role}: ${await request.body} and ${await request.data}`);
  });
  const response = await client.request(GET, { role: "filter", body: "stdin", data: "data" });
  assert.equal(await text(response.body), "role 3: stdin and data");
});

test("parses a head that arrives byte by byte, followed by the body", async (t) => {
  const { client } = await connect(t, (request) => {
    for (const byte of `${OK}body`) request.write(byte);
    request.end();
  });
  const response = await client.request(GET);
  assert.equal(await text(response.body), "body");
});

test("rejects a malformed head and a missing one with ERR_FCGI_RESPONSE", async (t) => {
  const responses = ["no head", "HTTP/1.1 200 OK\r\n\r\n", "", "Content-Type: text/plain\r\n"];
  const { client } = await connect(t, (request) => request.end(responses[Number(request.param("N"))]));
  for (const n of responses.keys()) {
    await assert.rejects(client.request({ ...GET, N: String(n) }), { code: "ERR_FCGI_RESPONSE" });
  }
});

test("rejects a refused request with its protocol status (5.5)", async (t) => {
  const { client } = await connect(t, (request) => request.end("", 0, 2));
  await assert.rejects(client.request(GET), (error) => {
    assert(error instanceof RequestRefusedError);
    assert.equal(error.protocolStatus, 2);
    assert.match(error.message, /OVERLOADED/);
    return true;
  });
});

test("rejects with ERR_FCGI_CLOSED and names the target if nothing listens", async (t) => {
  const { client, responder } = await connect(t, () => {});
  responder.close();
  await assert.rejects(client.request(GET), (error) => {
    assert(error instanceof ConnectionClosedError);
    assert.equal(error.code, "ERR_FCGI_CLOSED");
    assert.match(error.message, new RegExp(`127.0.0.1:${responder.port}.*ECONNREFUSED`));
    return true;
  });
});

test("rejects bytes that are no FastCGI with ERR_FCGI_PROTOCOL", async (t) => {
  const server = net.createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address() as net.AddressInfo;
  await assert.rejects(new FastCGIClient(address.port).request(GET), { code: "ERR_FCGI_PROTOCOL" });
});

test("fails the body when the connection closes before the end of the response", async (t) => {
  const { client } = await connect(t, (request) => {
    request.write(`${OK}half`);
    request.socket.end();
  });
  const response = await client.request(GET);
  await assert.rejects(text(response.body), { code: "ERR_FCGI_CLOSED" });
  await assert.rejects(response.ended, { code: "ERR_FCGI_CLOSED" });
});

test("survives a broken response that is not read", async (t) => {
  const { client } = await connect(t, (request) => {
    request.write(`${OK}half`);
    request.socket.end();
  });
  const response = await client.request(GET);
  // Not by once(), which would listen for the error.
  await new Promise<void>((resolve) => {
    response.body.on("close", resolve);
  });
  assert.equal(response.body.readableEnded, false);
});

test("rejects with ERR_FCGI_TIMEOUT after headersTimeout without a response", async (t) => {
  const { client } = await connect(t, () => {}, { headersTimeout: 20 });
  await assert.rejects(client.request(GET), { code: "ERR_FCGI_TIMEOUT" });
});

test("closes the connection of an aborted request that is not kept", async (t) => {
  const controller = new AbortController();
  const { client, responder } = await connect(t, () => controller.abort());
  await assert.rejects(client.request(GET, { signal: controller.signal }), { code: "ERR_FCGI_ABORTED" });
  if (!responder.sockets[0]!.closed) await once(responder.sockets[0]!, "close");
});

test("rejects a request whose signal has fired already", async (t) => {
  const { client, responder } = await connect(t, () => {});
  await assert.rejects(client.request(GET, { signal: AbortSignal.abort() }), { code: "ERR_FCGI_ABORTED" });
  assert.equal(responder.sockets.length, 0);
});

test("sends FCGI_ABORT_REQUEST on a kept connection, and uses it again after the confirmation (5.4)", async (t) => {
  const controller = new AbortController();
  const { client, responder } = await connect(
    t,
    async (request) => {
      if (request.param("N") === "2") return request.end(`${OK}second`);
      request.write(`${OK}first`);
      await request.aborted;
      request.end("late");
    },
    { keepConn: true, maxConnections: 1 },
  );
  const first = await client.request({ ...GET, N: "1" }, { signal: controller.signal });
  controller.abort();
  await assert.rejects(text(first.body), { code: "ERR_FCGI_ABORTED" });
  const second = await client.request({ ...GET, N: "2" });
  assert.equal(await text(second.body), "second");
  assert.equal(responder.sockets.length, 1);
});

test("aborts the request when the body of the response is destroyed", async (t) => {
  const aborted = new Promise<void>((resolve) => {
    connect(
      t,
      (request) => {
        request.write(`${OK}first`);
        request.aborted.then(resolve);
      },
      { keepConn: true },
    ).then(async ({ client }) => (await client.request(GET)).body.destroy());
  });
  await aborted;
});

test("destroys a kept connection whose application does not confirm an abort", async (t) => {
  const { client, responder } = await connect(t, (request) => request.write(`${OK}first`), {
    keepConn: true,
  });
  const response = await client.request(GET);
  response.body.destroy();
  await once(responder.sockets[0]!, "close");
});

test("aborts the request when its body fails", async (t) => {
  const { client } = await connect(t, () => {});
  async function* broken() {
    yield "part";
    throw new Error("disk on fire");
  }
  await assert.rejects(client.request(GET, { body: broken() }), (error) => {
    assert(error instanceof RequestAbortedError);
    assert.match(error.message, /disk on fire/);
    return true;
  });
});

test("opens a connection per request without keepConn", async (t) => {
  const { client, responder } = await connect(t, (request) => request.end(`${OK}${request.keepConn}`));
  for (let n = 0; n < 3; n++) assert.equal(await text((await client.request(GET)).body), "false");
  assert.equal(responder.sockets.length, 3);
});

test("reuses a kept connection", async (t) => {
  const { client, responder } = await connect(t, (request) => request.end(`${OK}${request.requestId}`), {
    keepConn: true,
  });
  for (const id of ["1", "2", "3"]) assert.equal(await text((await client.request(GET)).body), id);
  assert.equal(responder.sockets.length, 1);
});

test("does not reuse a connection after an early response to an unfinished body", async (t) => {
  const { client, responder } = await connect(t, (request) => request.end(`${OK}early`), { keepConn: true });
  const body = new Readable({ read() {} });
  const response = await client.request({ REQUEST_METHOD: "POST" }, { body });
  assert.equal(await text(response.body), "early");
  assert.equal(body.destroyed, true);
  await text((await client.request(GET)).body);
  assert.equal(responder.sockets.length, 2);
});

test("closes an idle connection after keepAliveTimeout", async (t) => {
  const { client, responder } = await connect(t, (request) => request.end(OK), {
    keepConn: true,
    keepAliveTimeout: 10,
  });
  await text((await client.request(GET)).body);
  await once(responder.sockets[0]!, "close");
});

test("sends a GET again if the application closed its kept connection", async (t) => {
  const { client, responder } = await connect(
    t,
    (request) => {
      const isSecond = responder.sockets[0] === request.socket && request.param("N") === "2";
      if (isSecond) request.socket.destroy();
      else request.end(`${OK}${request.param("N")}`);
    },
    { keepConn: true },
  );
  await text((await client.request({ ...GET, N: "1" })).body);
  assert.equal(await text((await client.request({ ...GET, N: "2" })).body), "2");
  assert.equal(responder.sockets.length, 2);
});

test("does not send a POST again", async (t) => {
  let requests = 0;
  const { client } = await connect(
    t,
    (request) => {
      if (++requests === 1) request.end(OK);
      else request.socket.destroy();
    },
    { keepConn: true },
  );
  await text((await client.request(GET)).body);
  await assert.rejects(client.request({ REQUEST_METHOD: "POST" }), { code: "ERR_FCGI_CLOSED" });
  assert.equal(requests, 2);
});

test("queues requests beyond maxConnections", async (t) => {
  const open: ReceivedRequest[] = [];
  let most = 0;
  const { client } = await connect(
    t,
    (request) => {
      open.push(request);
      most = Math.max(most, open.length);
      if (open.length === 2) setImmediate(() => endAll(open.splice(0)));
    },
    { maxConnections: 2 },
  );
  const responses = Array.from({ length: 8 }, async () => text((await client.request(GET)).body));
  assert.equal((await Promise.all(responses)).length, 8);
  assert.equal(most, 2);
});

test("shares a connection if the application allows it (4.1)", async (t) => {
  const requests: ReceivedRequest[] = [];
  const { client, responder } = await connect(
    t,
    (request) => {
      requests.push(request);
      // Ends all in reverse order, their records interleaved.
      if (requests.length < 3) return;
      for (const one of requests) one.write(`${OK}${one.param("N")}`);
      for (const one of requests.reverse()) one.end("!");
    },
    { multiplex: true },
    { FCGI_MPXS_CONNS: "1", FCGI_MAX_REQS: "10" },
  );
  const responses = ["a", "b", "c"].map(async (N) => text((await client.request({ ...GET, N })).body));
  assert.deepEqual(await Promise.all(responses), ["a!", "b!", "c!"]);
  // One for FCGI_GET_VALUES, one for all requests.
  assert.equal(responder.sockets.length, 2);
});

test("does not share a connection if the application does not allow it", async (t) => {
  const open: ReceivedRequest[] = [];
  const { client, responder } = await connect(
    t,
    (request) => {
      open.push(request);
      if (open.length === 2) endAll(open);
    },
    { multiplex: true },
    { FCGI_MPXS_CONNS: "0" },
  );
  await Promise.all(["a", "b"].map(async (N) => text((await client.request({ ...GET, N })).body)));
  assert.equal(responder.sockets.length, 3);
});

test("getValues() resolves with the variables of the application (4.1)", async (t) => {
  const { client } = await connect(t, () => {}, {}, { FCGI_MAX_REQS: "7" });
  assert.deepEqual(await client.getValues(), new Map([["FCGI_MAX_REQS", "7"]]));
});

test("getValues() rejects with ERR_FCGI_TIMEOUT without a response", async (t) => {
  const { client } = await connect(t, () => {});
  await assert.rejects(client.getValues(["FCGI_MAX_REQS"], 20), { code: "ERR_FCGI_TIMEOUT" });
});

test("stops reading from the application while the response is not read", async (t) => {
  const piece = Buffer.alloc(65536);
  let sent = 0;
  const { client } = await connect(t, (request) => {
    if (request.param("N") === "2") return request.end(OK);
    const more = () => {
      while (sent < 200_000_000 && request.write(piece)) sent += piece.length;
    };
    request.write(OK);
    request.socket.on("drain", more);
    more();
  });
  const response = await client.request({ ...GET, N: "1" });
  // Time goes by: that of a hundred other requests.
  for (let n = 0; n < 100; n++) await text((await client.request({ ...GET, N: "2" })).body);
  assert(sent < 50_000_000, `${sent} bytes went out`);
  assert(response.body.readableLength < 200_000);
});

test("reads a body from its source no faster than the application reads it", async (t) => {
  let read = 0;
  const { client } = await connect(t, (request) => request.socket.pause());
  const body = new Readable({
    read() {
      read += 65536;
      this.push(Buffer.alloc(65536));
    },
  });
  const controller = new AbortController();
  const response = client.request({ REQUEST_METHOD: "POST" }, { body, signal: controller.signal });
  await once(body, "pause");
  controller.abort();
  await assert.rejects(response, { code: "ERR_FCGI_ABORTED" });
  assert(read < 50_000_000);
});

test("moves 50 MB both ways unchanged", async (t) => {
  const { client } = await connect(t, async (request) => {
    const body = await request.body;
    request.write(OK);
    request.write(body);
    request.end();
  });
  const content = Buffer.alloc(50_000_000, "0123456789");
  const response = await client.request({ REQUEST_METHOD: "POST" }, { body: content });
  assert((await buffer(response.body)).equals(content));
});

test("bounds the buffer of an stderr that is not read", async (t) => {
  const { client } = await connect(t, (request) => {
    for (let n = 0; n < 100; n++) request.writeError("x".repeat(10_000));
    request.end(OK);
  });
  const response = await client.request(GET);
  await text(response.body);
  const kept = (await text(response.stderr)).length;
  assert(kept >= 65536 && kept <= 2 * 65536);
});

test("close() completes running requests and rejects new ones", async (t) => {
  const { client } = await connect(
    t,
    async (request) => {
      request.write(OK);
      await request.body;
      request.end("done");
    },
    { keepConn: true },
  );
  const body = new Readable({ read() {} });
  const response = await client.request({ REQUEST_METHOD: "POST" }, { body });
  const closed = client.close();
  await assert.rejects(client.request(GET), { code: "ERR_FCGI_CLOSED" });
  body.push(null);
  assert.equal(await text(response.body), "done");
  await closed;
});

test("throws on wrong targets", () => {
  assert.throws(() => new FastCGIClient(0), /port is 0: give an integer from 1/);
  assert.throws(() => new FastCGIClient({ port: 70000 }), RangeError);
  assert.throws(() => new FastCGIClient(""), RangeError);
});
