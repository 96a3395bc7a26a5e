/** The gateway over HTTP/2, in front of an application of ours. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import { createGateway, type GatewayOptions } from "../../src/client/index.ts";
import { createServer } from "../../src/index.ts";
import { type ReceivedRequest, startResponder } from "./responder.ts";

const OK = "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n";

/** Puts an HTTP/2 server with a gateway in front of a FastCGI port. */
async function listen(t: TestContext, port: number, options: GatewayOptions = {}) {
  const errors: Error[] = [];
  const gateway = createGateway(port, { onError: (error) => errors.push(error), ...options });
  const server = http2.createServer(gateway).listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    session.destroy();
    server.close();
    gateway.client.destroy();
  });
  return { session, errors };
}

/** Starts an application of node:http's kind behind the gateway. */
async function serve(t: TestContext, application: Parameters<typeof createServer>[0]) {
  const backend = createServer(application).listen(0, "127.0.0.1");
  t.after(() => {
    backend.close();
    backend.closeAllConnections();
  });
  await once(backend, "listening");
  return listen(t, (backend.address() as AddressInfo).port, { keepConn: true });
}

interface ReceivedResponse {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  readonly body: string;
}

async function send(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: string,
): Promise<ReceivedResponse> {
  const stream = session.request(headers, body === undefined ? {} : { endStream: false });
  if (body !== undefined) stream.end(body);
  const [response] = await once(stream, "response");
  return { headers: response, body: await text(stream) };
}

test("responds to GET, HEAD and POST over HTTP/2, with and without a length", async (t) => {
  const { session, errors } = await serve(t, async (req, res) => {
    const body = await text(req);
    const { host, cookie, "content-length": length } = req.headers;
    res.setHeader("Set-Cookie", ["a=1", "b=2"]);
    res.setHeader("Connection", "close");
    const json = JSON.stringify([req.method, req.url, req.httpVersion, host, cookie, length, body]);
    res.setHeader("Content-Length", Buffer.byteLength(json));
    res.end(json);
  });
  const get = await send(session, { ":path": "/a?b", cookie: ["c=1", "d=2"] });
  assert.equal(get.headers[":status"], 200);
  assert.deepEqual(get.headers["set-cookie"], ["a=1", "b=2"]);
  const [method, url, version, seenHost, cookie, length, body] = JSON.parse(get.body);
  assert.deepEqual(
    [method, url, version, cookie, length, body],
    ["GET", "/a?b", "2.0", "c=1; d=2", null, ""],
  );
  assert.match(seenHost, /^127\.0\.0\.1:\d+$/);
  const head = await send(session, { ":path": "/", ":method": "HEAD" });
  assert.equal(head.headers[":status"], 200);
  assert.match(String(head.headers["content-length"]), /^\d+$/);
  assert.equal(head.body, "");
  const withLength = { ":path": "/", ":method": "POST", "content-length": "5" };
  assert.deepEqual(JSON.parse((await send(session, withLength, "hello")).body).slice(5), ["5", "hello"]);
  const without = { ":path": "/", ":method": "POST" };
  assert.deepEqual(JSON.parse((await send(session, without, "hello")).body).slice(5), [null, "hello"]);
  assert.deepEqual(JSON.parse((await send(session, without, "")).body).slice(6), [""]);
  assert.deepEqual(errors, []);
});

test("forwards :authority as Host, also beside a Host field (RFC 9113, 8.3.1)", async (t) => {
  const responder = await startResponder(t, (request) => {
    const hosts = request.params.filter(([name]) => name === "HTTP_HOST").map(([, value]) => value);
    request.end(`${OK}${hosts} ${request.param("SERVER_NAME")} ${request.param("SERVER_PROTOCOL")}`);
  });
  const { session } = await listen(t, responder.port);
  for (const headers of [{ ":authority": "a.test:99" }, { ":authority": "a.test:99", host: "b.test" }]) {
    const { body } = await send(session, { ":path": "/", ...headers });
    assert.equal(body, "a.test:99 a.test HTTP/2.0");
  }
});

test("streams both ways over HTTP/2", async (t) => {
  const { session } = await serve(t, (req, res) => {
    req.on("data", (chunk) => res.write(`<${chunk}>`));
    req.on("end", () => res.end());
  });
  const stream = session.request({ ":path": "/", ":method": "POST" });
  for (const piece of ["one", "two", "three"]) {
    stream.write(piece);
    const [echo] = await once(stream, "data");
    assert.equal(String(echo), `<${piece}>`);
  }
  stream.end();
  stream.resume();
  await once(stream, "end");
});

test("moves 20 MB both ways over HTTP/2 unchanged", async (t) => {
  const { session } = await serve(t, (req, res) => req.pipe(res));
  const content = "0123456789".repeat(2_000_000);
  const stream = session.request({ ":path": "/", ":method": "POST" });
  // In pieces: node:http2 limits what a session holds in memory.
  Readable.from(content.match(/.{100000}/g)!).pipe(stream);
  assert((await text(stream)) === content);
});

test("ignores trailers over HTTP/2", async (t) => {
  const { session } = await serve(t, async (req, res) => {
    res.end(JSON.stringify([await text(req), req.headers["x-trailer"], req.trailers]));
  });
  const stream = session.request({ ":path": "/", ":method": "POST" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-trailer": "late" }));
  stream.end("body");
  assert.equal(await text(stream), '["body",null,{}]');
});

test("aborts the request when the HTTP/2 stream is reset, during the response and during the upload", async (t) => {
  let aborted: (() => void) | undefined;
  let received: ((request: ReceivedRequest) => void) | undefined;
  const responder = await startResponder(t, (request) => {
    request.socket.on("close", () => aborted?.());
    received?.(request);
  });
  const { session, errors } = await listen(t, responder.port);
  for (const method of ["GET", "POST"]) {
    const gone = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    const arrived = new Promise<ReceivedRequest>((resolve) => {
      received = resolve;
    });
    const stream = session.request({ ":path": "/", ":method": method });
    stream.on("error", () => {});
    if (method === "POST") stream.write("half");
    (await arrived).write(`${OK}part`);
    await once(stream, "response");
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await gone;
  }
  assert.deepEqual(errors, []);
});

test("never lets a broken response look complete over HTTP/2", async (t) => {
  const responder = await startResponder(t, (request) => {
    request.write(`${OK}part`);
    setImmediate(() => request.socket.destroy());
  });
  const { session } = await listen(t, responder.port);
  const stream = session.request({ ":path": "/" });
  await assert.rejects(text(stream), /NGHTTP2_INTERNAL_ERROR/);
});

test("responds with 502 over HTTP/2, and prints nothing", async (t) => {
  const warnings: unknown[] = [];
  const onWarning = (warning: unknown): void => void warnings.push(warning);
  process.on("warning", onWarning);
  t.after(() => process.off("warning", onWarning));
  const responder = await startResponder(t, (request) => {
    request.end(
      "Status: 200 Fine\r\nHTTP2-Settings: x\r\nKeep-Alive: 1\r\nUpgrade: h2c\r\nTE: trailers\r\n\r\nbody",
    );
  });
  const { session } = await listen(t, responder.port);
  assert.equal((await send(session, { ":path": "/" })).body, "body");
  responder.close();
  const { headers, body } = await send(session, { ":path": "/" });
  assert.equal(headers[":status"], 502);
  assert.equal(body, "Bad Gateway\n");
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(warnings, []);
});

test("sends a script the length of a body over HTTP/2", async (t) => {
  const responder = await startResponder(t, async (request) => {
    request.end(`${OK}${request.param("CONTENT_LENGTH")} ${await request.body}`);
  });
  const { session } = await listen(t, responder.port, { documentRoot: "/srv", maxHeldBody: 1000 });
  assert.equal((await send(session, { ":path": "/" })).body, "undefined ");
  const post = { ":path": "/", ":method": "POST" };
  assert.equal((await send(session, post, "hello")).body, "5 hello");
  // A HEADERS frame without END_STREAM announces nothing.
  assert.equal((await send(session, { ":path": "/", ":method": "GET" }, "")).body, "0 ");
  assert.equal((await send(session, post, "x".repeat(1001))).headers[":status"], 411);
});
