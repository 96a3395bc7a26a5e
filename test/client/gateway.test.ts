import assert from "node:assert/strict";
import { once } from "node:events";
import http, { IncomingMessage, type RequestListener } from "node:http";
import net from "node:net";
import { buffer, text } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import connect from "connect";
import express from "express";
import { createGateway, type GatewayOptions } from "../../src/client/index.ts";
import { listenDuring } from "../support/server.ts";
import { type ReceivedRequest, startResponder } from "./responder.ts";

const OK = "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n";

async function listen(t: TestContext, listener: RequestListener): Promise<number> {
  return await listenDuring(t, http.createServer(listener));
}

/** Starts an application, and an HTTP server with a gateway to it. */
async function start(
  t: TestContext,
  onRequest: (request: ReceivedRequest) => void,
  options: GatewayOptions = {},
) {
  const errors: Error[] = [];
  const responder = await startResponder(t, onRequest);
  const gateway = createGateway(responder.port, { onError: (error) => errors.push(error), ...options });
  t.after(() => gateway.client.destroy());
  return { gateway, errors, port: await listen(t, gateway) };
}

/** Sends a request with `node:http`; resolves with the head of the response. */
async function send(
  port: number,
  path: string,
  options: http.RequestOptions = {},
  body?: string | Buffer,
): Promise<IncomingMessage> {
  const req = http.request({ port, path, host: "127.0.0.1", ...options });
  req.end(body);
  const [res] = await once(req, "response");
  // An upload may go on after the response, to the end of the test.
  req.on("error", () => {});
  return res;
}

/** Sends bytes on a socket; resolves with all that comes back, and how it ended. */
async function sendRaw(port: number, bytes: string): Promise<{ response: string; error?: string }> {
  const socket = net.connect(port, "127.0.0.1");
  socket.write(bytes);
  let response = "";
  socket.setEncoding("latin1").on("data", (chunk) => {
    response += chunk;
  });
  return new Promise((resolve) => {
    socket.on("error", (error) => resolve({ response, error: "code" in error ? String(error.code) : "" }));
    socket.on("close", () => resolve({ response }));
  });
}

/** A promise, and what settles it. */
function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

test("forwards a request and its response", async (t) => {
  const { port } = await start(t, async (request) => {
    const body = await request.body;
    request.end(`Status: 404 Nowhere\r\nX-Seen: ${request.param("HTTP_X_WANTED")}\r\n\r\n<${body}>`);
  });
  const res = await send(port, "/a%20b?c=d", { method: "POST", headers: { "X-Wanted": "yes" } }, "body");
  assert.equal(res.statusCode, 404);
  assert.equal(res.statusMessage, "Nowhere");
  assert.equal(res.headers["x-seen"], "yes");
  assert.equal(await text(res), "<body>");
});

test("sends the meta-variables of the request", async (t) => {
  const { port } = await start(t, (request) => request.end(OK + JSON.stringify(request.params)));
  const res = await send(port, "/a%20b?c=d", { method: "PUT", headers: { "Content-Type": "x/y" } }, "12345");
  const params = Object.fromEntries(JSON.parse(await text(res)));
  assert.match(params.REMOTE_PORT, /^\d+$/);
  delete params.REMOTE_PORT;
  assert.deepEqual(params, {
    QUERY_STRING: "c=d",
    REQUEST_METHOD: "PUT",
    REQUEST_URI: "/a%20b?c=d",
    SCRIPT_NAME: "",
    PATH_INFO: "/a b",
    SERVER_PROTOCOL: "HTTP/1.1",
    REQUEST_SCHEME: "http",
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "serve-fastcgi",
    REMOTE_ADDR: "127.0.0.1",
    SERVER_ADDR: "127.0.0.1",
    SERVER_PORT: String(port),
    SERVER_NAME: "127.0.0.1",
    CONTENT_TYPE: "x/y",
    CONTENT_LENGTH: "5",
    HTTP_HOST: `127.0.0.1:${port}`,
  });
});

test("passes bytes of the target and of header fields unchanged", async (t) => {
  const { port } = await start(t, (request) => {
    request.write("Status: 200 OK\r\nX-Back: ");
    request.write(
      Buffer.from(`${request.param("HTTP_X_NAME")}\r\n\r\n${request.param("PATH_INFO")}`, "latin1"),
    );
    request.end();
  });
  const res = await send(port, "/%C3%A4", { headers: { "X-Name": "caf\xe9" } });
  assert.equal(res.headers["x-back"], "caf\xe9");
  assert.equal(await text(res), "/ä");
});

test("passes bytes of header fields unchanged when the head leaves before the body", async (t) => {
  let request!: ReceivedRequest;
  const { port } = await start(t, (received) => {
    request = received;
    request.write(Buffer.from("Status: 200 OK\r\nX-Back: caf\xe9\r\n\r\n", "latin1"));
  });
  const res = await send(port, "/");
  assert.equal(res.headers["x-back"], "caf\xe9");
  request.end("body");
  assert.equal(await text(res), "body");
});

test("forwards a chunked upload without CONTENT_LENGTH", async (t) => {
  const { port } = await start(t, async (request) => {
    const body = await request.body;
    request.end(`${OK}${request.param("HTTP_TRANSFER_ENCODING")} ${request.param("CONTENT_LENGTH")} ${body}`);
  });
  const res = await send(port, "/", { method: "POST", headers: { "Transfer-Encoding": "chunked" } }, "abc");
  assert.equal(await text(res), "chunked undefined abc");
});

test("sends a script the length of a chunked upload, and responds to one over maxHeldBody with 411", async (t) => {
  const { port } = await start(
    t,
    async (request) => {
      const names = ["CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"];
      request.end(`${OK}${names.map((name) => request.param(name))} ${await request.body}`);
    },
    { documentRoot: "/srv", maxHeldBody: 1000 },
  );
  const headers = { "Transfer-Encoding": "chunked", "Content-Type": "x/y" };
  for (const [body, expected] of [
    ["", "0,x/y, "],
    ["abc", "3,x/y, abc"],
    ["x".repeat(1000), `1000,x/y, ${"x".repeat(1000)}`],
  ]) {
    assert.equal(await text(await send(port, "/", { method: "POST", headers }, body)), expected);
  }
  const res = await send(port, "/", { method: "POST", headers }, "x".repeat(1001));
  assert.equal(res.statusCode, 411);
  assert.equal(await text(res), "Length Required\n");
});

test("separates the mount of Express and Connect from the path behind it", async (t) => {
  const responder = await startResponder(t, (request) => {
    request.end(
      OK + ["SCRIPT_NAME", "PATH_INFO", "REQUEST_URI"].map((name) => request.param(name)).join(" "),
    );
  });
  const gateway = createGateway(responder.port);
  const router = express.Router().use("/in", gateway);
  for (const app of [express().use("/app", gateway).use("/out", router), connect().use("/app", gateway)]) {
    const port = await listen(t, app);
    assert.equal(await text(await send(port, "/app/x%2Fy?q")), "/app /x/y /app/x%2Fy?q");
    assert.equal(await text(await send(port, "/app?q")), "/app  /app?q");
    if (app instanceof Function && "locals" in app) {
      assert.equal(await text(await send(port, "/out/in/x")), "/out/in /x /out/in/x");
    }
  }
});

test("responds with 500 if a body parser has read the body", async (t) => {
  const responder = await startResponder(t, () => {});
  const errors: Error[] = [];
  const gateway = createGateway(responder.port, { onError: (error) => errors.push(error) });
  const port = await listen(t, express().use(express.json()).use(gateway));
  const headers = { "Content-Type": "application/json" };
  assert.equal((await send(port, "/", { method: "POST", headers }, "{}")).statusCode, 500);
  assert.match(String(errors[0]), /before body parsers/);
});

test("drops hop-by-hop fields, Proxy, and names with an underscore", async (t) => {
  const { port } = await start(t, (request) => {
    const names = request.params.map(([name]) => name).filter((name) => name.startsWith("HTTP_"));
    request.end(
      `Status: 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nTransfer-Encoding: chunked\r\nUpgrade: h2\r\n\r\n${names}`,
    );
  });
  const { response } = await sendRaw(
    port,
    "GET / HTTP/1.1\r\nHost: a\r\nProxy: evil\r\nContent_Length: 9\r\nTE: trailers\r\nKeep-Alive: 9\r\nConnection: close\r\n\r\n",
  );
  assert.match(response, /^HTTP\/1\.1 200 OK\r\n/);
  assert.doesNotMatch(response, /x-hop|upgrade|keep-alive/i);
  assert.match(response, /\r\n\r\n9\r\nHTTP_HOST\r\n0\r\n\r\n$/);
});

test("keeps repeated fields apart and joins cookies", async (t) => {
  const { port } = await start(t, (request) => {
    const params = request.params.filter(([name]) => /_(A|COOKIE)$/.test(name));
    request.end(`Status: 200 OK\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n${JSON.stringify(params)}`);
  });
  const headers = ["A", "1", "Cookie", "c=1", "A", "2", "Cookie", "d=2", "Host", "x"];
  const res = await send(port, "/", { headers: headers as unknown as http.OutgoingHttpHeaders });
  assert.deepEqual(res.headers["set-cookie"], ["a", "b"]);
  assert.deepEqual(JSON.parse(await text(res)), [
    ["HTTP_A", "1"],
    ["HTTP_COOKIE", "c=1; d=2"],
    ["HTTP_A", "2"],
  ]);
});

test("sends no body with HEAD, 204 and 304, and serves the next request on the connection", async (t) => {
  const { port } = await start(t, (request) => {
    const status = request.param("PATH_INFO")!.slice(1);
    request.end(`Status: ${status}\r\nContent-Length: 4\r\n\r\nbody`);
  });
  const head = "Host: a\r\n\r\n";
  const { response } = await sendRaw(
    port,
    `HEAD /200 HTTP/1.1\r\n${head}GET /204 HTTP/1.1\r\n${head}GET /304 HTTP/1.1\r\n${head}GET /200 HTTP/1.1\r\nConnection: close\r\n${head}`,
  );
  assert.deepEqual(
    response.match(/HTTP\/1\.1 \d+/g),
    ["200", "204", "304", "200"].map((code) => `HTTP/1.1 ${code}`),
  );
  assert.equal(response.split("body").length, 2);
  assert.doesNotMatch(response.split("HTTP/1.1 304")[0]!.split("HTTP/1.1 204")[1]!, /content-length/i);
});

test("sends the head of a stream at once, and its pieces as they arrive", async (t) => {
  let request!: ReceivedRequest;
  const { port } = await start(t, (received) => {
    request = received;
    request.write("Content-Type: text/event-stream\r\n\r\n");
  });
  const res = await send(port, "/");
  for (const piece of ["data: 1\n\n", "data: 2\n\n"]) {
    request.write(piece);
    const [chunk] = await once(res, "data");
    assert.equal(String(chunk), piece);
  }
  request.end();
  await once(res, "end");
});

test("aborts the request when the HTTP client disconnects during the response", async (t) => {
  const aborted = deferred();
  const { port, errors } = await start(t, (request) => {
    request.write(`${OK}part`);
    request.socket.on("close", aborted.resolve);
  });
  const res = await send(port, "/");
  res.destroy();
  await aborted.promise;
  assert.deepEqual(errors, []);
});

test("aborts the request when the HTTP client disconnects during the upload", async (t) => {
  const aborted = deferred();
  const { port, errors } = await start(t, (request) => {
    request.socket.on("close", aborted.resolve);
    socket.destroy();
  });
  const socket = net.connect(port, "127.0.0.1");
  socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
  await aborted.promise;
  assert.deepEqual(errors, []);
});

test("responds with 502 or 503 if the application fails before its head", async (t) => {
  const { port, errors } = await start(t, (request) => {
    const path = request.param("PATH_INFO");
    if (path === "/closes") request.socket.destroy();
    if (path === "/nonsense") request.end("nonsense");
    if (path === "/overloaded") request.end("", 0, 2);
    if (path === "/length") request.end("Content-Length: 1x\r\n\r\n");
    if (path === "/ends") request.end();
  });
  const expected = { closes: 502, nonsense: 502, overloaded: 503, length: 502, ends: 502 };
  for (const [path, status] of Object.entries(expected)) {
    const res = await send(port, `/${path}`);
    assert.equal(res.statusCode, status);
    assert.equal(await text(res), `${http.STATUS_CODES[status]}\n`);
  }
  assert.equal(errors.length, 5);
});

test("responds with 504 if the application sends no head within headersTimeout", async (t) => {
  const { port, errors } = await start(t, () => {}, { headersTimeout: 100 });
  const res = await send(port, "/");
  assert.equal(res.statusCode, 504);
  assert.equal(await text(res), "Gateway Timeout\n");
  assert.equal(errors.length, 1);
});

test("responds with 502 if nothing listens", async (t) => {
  const responder = await startResponder(t, () => {});
  responder.close();
  const port = await listen(t, createGateway(responder.port));
  assert.equal((await send(port, "/")).statusCode, 502);
});

test("never lets a broken response look complete", async (t) => {
  let long: ReceivedRequest | undefined;
  const { port, errors } = await start(t, (request) => {
    const path = request.param("PATH_INFO");
    if (path === "/closes") {
      request.write(`${OK}part`);
      request.socket.end();
    }
    if (path === "/status") request.end(`${OK}part`, 1);
    if (path === "/short") request.end("Content-Length: 9\r\n\r\npart");
    if (path === "/long") {
      request.write("Content-Length: 5\r\n\r\npart");
      long = request;
    }
  });
  for (const path of ["closes", "status", "short", "long"]) {
    const res = await send(port, `/${path}`).catch((error: Error) => error);
    // After the client has received the head.
    long?.end("and more");
    if (res instanceof IncomingMessage) await assert.rejects(text(res), { code: "ECONNRESET" }, path);
    else assert.equal("code" in res && res.code, "ECONNRESET", path);
  }
  assert.equal(errors.length, 4);
});

test("resets the connection of an HTTP/1.0 client when the response breaks", async (t) => {
  const { port } = await start(t, (request) => {
    request.write(`${OK}part`);
    setImmediate(() => request.socket.end());
  });
  assert.equal((await sendRaw(port, "GET / HTTP/1.0\r\n\r\n")).error, "ECONNRESET");
});

test("ignores an appStatus after a response that has its Content-Length", async (t) => {
  const { port } = await start(t, (request) => request.end("Content-Length: 4\r\n\r\nbody", 3));
  assert.equal(await text(await send(port, "/")), "body");
});

test("follows a local redirect (RFC 3875, 6.2.2)", async (t) => {
  const { port } = await start(t, (request) => {
    const uri = request.param("REQUEST_URI");
    if (uri === "/from") request.end("Location: /to?x=1\r\n\r\n");
    else if (uri === "/loop") request.end("Location: /loop\r\n\r\n");
    else request.end(`${OK}${request.param("REQUEST_METHOD")} ${uri} ${request.param("CONTENT_LENGTH")}`);
  });
  assert.equal(await text(await send(port, "/from", { method: "POST" }, "body")), "GET /to?x=1 undefined");
  assert.equal((await send(port, "/loop")).statusCode, 502);
});

test("frees the connections of responses that are not forwarded, even if the application does not end them", async (t) => {
  const responses: Record<string, string> = {
    "/redirect": "Location: /to\r\n\r\n",
    "/redirect-and-body": `Location: /to\r\n\r\n${"x".repeat(3_000_000)}`,
    "/length": "Content-Length: 1x\r\n\r\npart",
    "/large": `Content-Length: 1x\r\n\r\n${"x".repeat(1_000_000)}`,
    "/head": `${OK}${"x".repeat(3_000_000)}`,
    "/204": "Status: 204\r\n\r\n",
  };
  for (const [path, response] of Object.entries(responses)) {
    const { port } = await start(
      t,
      (request) => {
        if (request.param("REQUEST_URI") === path) request.write(response);
        else request.end(`${OK}free`);
      },
      { maxConnections: 2 },
    );
    const method = path === "/head" ? "HEAD" : "GET";
    await Promise.all(Array.from({ length: 2 }, async () => (await send(port, path, { method })).resume()));
    assert.equal(await text(await send(port, "/")), "free", path);
  }
});

test("forwards other redirects to the HTTP client", async (t) => {
  const { port } = await start(t, (request) => {
    const uri = request.param("REQUEST_URI");
    if (uri === "/absolute") request.end("Location: http://a/\r\n\r\n");
    else request.end("Location: /to\r\nSet-Cookie: a\r\n\r\n");
  });
  for (const [path, location] of [
    ["/absolute", "http://a/"],
    ["/cookie", "/to"],
  ] as const) {
    const res = await send(port, path);
    assert.equal(res.statusCode, 302);
    assert.equal(res.headers.location, location);
  }
});

test("responds early without waiting for the upload", async (t) => {
  const { port } = await start(t, (request) => request.end("Status: 413 Too Much\r\n\r\nno"));
  const body = Buffer.alloc(5_000_000);
  const res = await send(port, "/", { method: "POST", headers: { "Content-Length": body.length } }, body);
  assert.equal(res.statusCode, 413);
  assert.equal(await text(res), "no");
});

test("moves 50 MB both ways unchanged", async (t) => {
  const { port } = await start(t, async (request) => {
    const body = await request.body;
    request.write(OK);
    request.write(body);
    request.end();
  });
  const content = Buffer.alloc(50_000_000, "0123456789");
  assert((await buffer(await send(port, "/", { method: "POST" }, content))).equals(content));
});

test("passes extra params, and FCGI_STDERR to onStderr", async (t) => {
  const said: string[] = [];
  const { port } = await start(
    t,
    (request) => {
      request.writeError("careful");
      request.end(
        `${OK}${request.param("A")} ${request.param("REMOTE_USER")} ${request.param("SERVER_SOFTWARE")}`,
      );
    },
    {
      https: true,
      params: (req) => ({ A: req.url!, REMOTE_USER: "ü", SERVER_SOFTWARE: undefined }),
      onStderr: (chunk) => said.push(String(chunk)),
    },
  );
  assert.equal(await text(await send(port, "/x")), "/x Ã¼ undefined");
  assert.deepEqual(said, ["careful"]);
});

test("shares kept connections among requests", async (t) => {
  const { port } = await start(t, (request) => request.end(`${OK}${request.keepConn}`), { keepConn: true });
  for (let n = 0; n < 5; n++) assert.equal(await text(await send(port, "/")), "true");
});
