import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHTTPServer, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer as createTCPServer, type Socket } from "node:net";
import { test } from "node:test";
import { createServer } from "../../src/index.ts";
import { Link } from "../support/link.ts";
import { request } from "../support/request.ts";
import { startServer } from "../support/server.ts";

test("connection comes before each request, with the socket of the request, kept or not", async (t) => {
  const events: string[] = [];
  const sockets: Socket[] = [];
  const { open, server } = await startServer(t, {}, (req, res) => {
    events.push(`request ${sockets.indexOf(req.socket)}`);
    res.end();
  });
  server.on("connection", (socket: Socket) => {
    events.push(`connection ${sockets.push(socket) - 1} of ${socket.remoteAddress}`);
    socket.on("close", () => events.push(`close ${sockets.indexOf(socket)}`));
  });
  const link = await open();
  for (const [index, keepConn] of [true, true, false].entries()) {
    link.send(request(1, { keepConn, params: [["REMOTE_ADDR", `192.0.2.${index}`]] }));
    await link.response(1);
  }
  await link.closed();
  assert.deepEqual(
    events,
    [0, 1, 2].flatMap((index) => [
      `connection ${index} of 192.0.2.${index}`,
      `request ${index}`,
      `close ${index}`,
    ]),
  );
});

test("requests of one connection have sockets of their own, and getConnections() counts the connection", async (t) => {
  const { open, server } = await startServer(t, {}, (req, res) => {
    if (req.url === "/destroy") req.socket.destroy();
    else setImmediate(() => res.end("neighbour"));
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  const link = await open();
  link.send(request(1), request(2, { url: "/destroy" }), request(3));
  await link.response(2);
  for (const id of [1, 3]) assert.equal((await link.response(id)).text, "neighbour");
  assert.equal(sockets.size, 3);
  assert.equal(await new Promise((resolve) => server.getConnections((_error, count) => resolve(count))), 1);
});

test("a socket that a connection listener destroys has no request, and its neighbours have theirs", async (t) => {
  const urls: (string | undefined)[] = [];
  const { open, server } = await startServer(t, {}, (req, res) => {
    urls.push(req.url);
    setImmediate(() => res.end("neighbour"));
  });
  server.on("connection", (socket: Socket) => {
    if (socket.remoteAddress === "192.0.2.1") socket.destroy();
  });
  const link = await open();
  const params = [["REMOTE_ADDR", "192.0.2.1"]] as const;
  link.send(request(1, { url: "/first" }), request(2, { url: "/refused", params }));
  assert.equal((await link.response(2)).stdout.length, 0);
  assert.equal((await link.response(1)).text, "neighbour");
  assert.deepEqual(urls, ["/first"]);
});

test("a connection listener that throws fails its request alone", async (t) => {
  const { open, server } = await startServer(t, {}, (_req, res) => {
    setImmediate(() => res.end("neighbour"));
  });
  server.on("connection", (socket: Socket) => {
    if (socket.remoteAddress === "192.0.2.1") throw new Error("listener");
  });
  const failed = once(server, "requestError");
  const link = await open();
  link.send(request(1), request(2, { params: [["REMOTE_ADDR", "192.0.2.1"]] }));
  assert.equal((await link.response(2)).status, 500);
  assert.equal((await link.response(1)).text, "neighbour");
  assert.equal((await failed)[0].message, "listener");
});

test("a mounted application has the event, too; a request that it does not get has none", async (t) => {
  let count = 0;
  const { open, server } = await startServer(t, { mount: "/app" }, (_req, res) => void res.end("mounted"));
  server.on("connection", () => count++);
  const link = await open();
  link.send(request(1, { url: "/app/a" }), request(2, { url: "/other" }));
  assert.equal((await link.response(1)).text, "mounted");
  assert.equal((await link.response(2)).status, 404);
  assert.equal(count, 1);
});

test("a connection that somebody passes by emit() speaks FastCGI, whoever listens", async (t) => {
  const server = createServer((_req, res) => void res.end("passed"));
  server.removeAllListeners("connection");
  const seen: unknown[] = [];
  server.on("connection", (socket) => seen.push(socket));
  const front = createTCPServer((socket) => assert.ok(server.emit("connection", socket)));
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  const link = await Link.open({ host: "127.0.0.1", port: (front.address() as AddressInfo).port }, 10_000);
  t.after(() => {
    link.destroy();
    front.close();
  });
  const requested = once(server, "request");
  link.send(request(1));
  const [req] = (await requested) as [IncomingMessage];
  assert.equal((await link.response(1)).text, "passed");
  assert.deepEqual(seen, [req.socket]);
});

test("listenerCount() and listeners() tell of the application's listeners alone, as events of its own do", async () => {
  const server = createServer();
  assert.equal(server.listenerCount("connection"), 0);
  const plain = createHTTPServer();
  for (const target of [server, plain]) {
    let heard: unknown;
    target.on("its own", (value: unknown) => {
      heard = value;
    });
    assert.ok(target.emit("its own", "value"));
    assert.equal(heard, "value");
    assert.equal(target.emit("nobody's"), false);
  }
});
