import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHTTPServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import fastify from "fastify";
import Koa from "koa";
import { createGateway, overFastCGI } from "../src/client/index.ts";
import { createServer } from "../src/index.ts";
import { listen } from "./support/server.ts";

/** A framework's application behind the gateway, and how to stop it. */
interface Running {
  readonly origin: string;
  close(): Promise<unknown>;
}

async function originOf(server: Server): Promise<string> {
  return `http://127.0.0.1:${await listen(server)}`;
}

async function startKoa(): Promise<Running> {
  const app = new Koa();
  // The errors that tests cause need not be printed.
  app.silent = true;
  app.use(async (context, next) => {
    await next();
    context.set("X-Framework", "koa");
  });
  app.use(async (context) => {
    switch (context.path) {
      case "/body": {
        let length = 0;
        for await (const chunk of context.req) length += chunk.length;
        context.body = { length, type: context.request.type };
        break;
      }
      case "/cookies":
        context.cookies.set("a", "1");
        context.cookies.set("b", "2", { httpOnly: false });
        context.body = { c: context.cookies.get("c") };
        break;
      case "/redirect":
        context.redirect("/elsewhere");
        break;
      case "/stream":
        context.type = "text/plain";
        context.body = ReadableStream.from(["one,", "two,", "three"]);
        break;
      case "/no-content":
        context.body = null;
        break;
      case "/throw":
        throw new Error("secret of the handler");
      case "/refuse":
        context.throw(403, "not for you");
        break;
      case "/missing":
        break;
      default:
        context.body = seen(context.method, context.url, context.ip, context.protocol, context.hostname);
    }
  });
  const server = overFastCGI(app.callback() as RequestListener);
  const origin = await originOf(server);
  return {
    origin,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** Fastify makes its own server: a FastCGI server by way of `serverFactory`. */
async function startFastify(): Promise<Running> {
  const app = fastify({ serverFactory: (handler) => createServer(handler), bodyLimit: 1_000_000 });
  app.addHook("onSend", async (_request, reply) => {
    reply.header("X-Framework", "fastify");
  });
  app.addContentTypeParser("text/plain", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.post("/body", async (request) => {
    const { body } = request;
    const length = Buffer.isBuffer(body) ? body.length : JSON.stringify(body).length;
    return { length, type: request.headers["content-type"] };
  });
  app.get("/redirect", (_request, reply) => reply.redirect("/elsewhere"));
  app.get("/stream", (_request, reply) =>
    reply
      .type("text/plain")
      .send(ReadableStream.from(["one,", "two,", "three"].map((part) => Buffer.from(part)))),
  );
  app.get("/no-content", (_request, reply) => reply.code(204).send());
  app.get("/throw", async () => {
    throw new Error("said by the handler");
  });
  app.get("/refuse", async () => {
    throw Object.assign(new Error("not for you"), { statusCode: 403 });
  });
  app.get("/cookies", (_request, reply) => reply.header("Set-Cookie", ["a=1", "b=2"]).send({ c: "3" }));
  app.get("/*", async ({ method, url, ip, protocol, hostname }, reply) => {
    if (url === "/missing") return reply.callNotFound();
    return seen(method, url, ip, protocol, hostname);
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const gateway = createGateway((app.server.address() as AddressInfo).port, { keepConn: true });
  const front = createHTTPServer({ maxHeaderSize: 65_536 }, gateway);
  const origin = await originOf(front);
  return {
    origin,
    async close() {
      front.close();
      front.closeAllConnections();
      await gateway.client.close();
      await app.close();
    },
  };
}

function seen(method: string, url: string, ip: string, protocol: string, hostname: string) {
  return { method, url, ip, protocol, hostname };
}

const frameworks: readonly (readonly [name: string, start: () => Promise<Running>])[] = [
  ["koa", startKoa],
  ["fastify", startFastify],
];

for (const [framework, start] of frameworks) {
  describe(`over FastCGI, ${framework}`, () => {
    let running: Running;
    before(async () => {
      running = await start();
    });
    after(() => running?.close());
    const get = (path: string, init: RequestInit = {}) => fetch(running.origin + path, init);

    test("sees method, URL, address, protocol and host without trust proxy", async () => {
      const response = await get("/a%2Fb?c=1", { headers: { "X-Forwarded-For": "6.6.6.6" } });
      assert.equal(response.headers.get("x-framework"), framework);
      assert.deepEqual(await response.json(), seen("GET", "/a%2Fb?c=1", "127.0.0.1", "http", "127.0.0.1"));
    });

    test("reads a body with Content-Length", async () => {
      const response = await get("/body", { method: "POST", body: "x".repeat(300_000) });
      const { length } = (await response.json()) as { length: number };
      assert.equal(length, 300_000);
    });

    test("reads a chunked body", async () => {
      const body = ReadableStream.from(["one", "two"].map((part) => Buffer.from(part)));
      const init = { method: "POST", body, duplex: "half", headers: { "Content-Type": "text/plain" } };
      const response = await get("/body", init as RequestInit);
      const { length } = (await response.json()) as { length: number };
      assert.equal(length, 6);
    });

    test("sends several cookies", async () => {
      const response = await get("/cookies", { headers: { Cookie: "c=3" } });
      assert.deepEqual(
        response.headers.getSetCookie().map((cookie) => cookie.slice(0, 3)),
        ["a=1", "b=2"],
      );
      assert.deepEqual(await response.json(), { c: "3" });
    });

    test("redirects", async () => {
      const response = await get("/redirect", { redirect: "manual" });
      assert.equal(response.status, 302);
      assert.equal(response.headers.get("location"), "/elsewhere");
    });

    test("streams", async () => {
      assert.equal(await (await get("/stream")).text(), "one,two,three");
    });

    test("responds to HEAD and with 204 without a body", async () => {
      assert.equal(await (await get("/page", { method: "HEAD" })).text(), "");
      assert.equal((await get("/no-content")).status, 204);
    });

    test("responds with 404, and with the status of an error", async () => {
      assert.equal((await get("/missing")).status, 404);
      assert.equal((await get("/refuse")).status, 403);
      assert.equal((await get("/throw")).status, 500);
    });

    test("responds with 431 to header fields over maxHeaderSize, as with node:http", async () => {
      const response = await get("/page", { headers: { "X-Long": "x".repeat(20_000) } });
      assert.equal(response.status, 431);
    });

    test("responds to 50 requests at a time", async () => {
      const urls = Array.from({ length: 50 }, (_, index) => `/page/${index}`);
      const responses = await Promise.all(urls.map(async (url) => (await get(url)).json()));
      assert.deepEqual(
        responses.map((response) => (response as { url: string }).url),
        urls,
      );
    });
  });
}
