import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import * as path from "node:path";
import { test } from "node:test";
import { createServer, type FastCGIServer } from "../../src/index.ts";
import { createFolder, removeFolder } from "../support/folders.ts";
import { waitForCertificate } from "../support/ports.ts";
import { type ExampleName, examples } from "./examples.ts";
import { startWebServer, type WebServer } from "./harness.ts";
import { listen, writeSpawnedScript } from "./target.ts";

/** What the small application of these tests responses. */
interface Report {
  readonly name: string;
  readonly url: string;
  readonly length: number;
  readonly scriptName: string | undefined;
  readonly encrypted: boolean;
  readonly authorization: string | undefined;
}

/** Requests to /held wait in it until "release". */
class Holder extends EventEmitter<{ held: []; release: [] }> {}

function createApplication(name: string, holder: Holder = new Holder()): http.RequestListener {
  holder.setMaxListeners(0);
  return async (req, res) => {
    const { socket } = req as http.IncomingMessage & {
      socket: { params: Record<string, string>; encrypted?: boolean };
    };
    let length = 0;
    for await (const chunk of req) length += chunk.length;
    if (req.url === "/held") {
      holder.emit("held");
      await once(holder, "release");
    }
    const report: Report = {
      name,
      url: req.url ?? "",
      length,
      scriptName: socket.params.SCRIPT_NAME,
      encrypted: socket.encrypted === true,
      authorization: req.headers.authorization,
    };
    res.setHeader("Content-Type", "application/json");
    res.end(JSON.stringify(report));
  };
}

interface Reply {
  readonly statusCode: number;
  readonly body: string;
  readonly report: () => Report;
}

/** Requests, unless told otherwise, over a connection of its own: so no request is repeated behind our back. */
function request(server: WebServer, target: string, options: http.RequestOptions = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const all = {
      host: server.host,
      port: server.port,
      path: target,
      agent: false,
      rejectUnauthorized: false,
    };
    const req = (options.protocol === "https:" ? https : http).request(
      { ...all, ...options },
      async (res) => {
        try {
          let body = "";
          for await (const chunk of res.setEncoding("utf8")) body += chunk;
          resolve({ statusCode: res.statusCode ?? 0, body, report: () => JSON.parse(body) });
        } catch (error) {
          reject(error);
        }
      },
    );
    req.on("error", reject);
    req.end();
  });
}

/** Asks until a response satisfies. */
async function requestUntil(server: WebServer, target: string, satisfies: (reply: Reply) => boolean) {
  const statusCodes: number[] = [];
  for (const signal = AbortSignal.timeout(10_000); !signal.aborted; ) {
    const reply = await request(server, target);
    if (satisfies(reply)) return { reply, statusCodes };
    statusCodes.push(reply.statusCode);
  }
  assert.fail(`not in 10 s: ${statusCodes.slice(-5)}, ${server.log().slice(-2000)}`);
}

async function close(server: FastCGIServer): Promise<void> {
  if (!server.listening) return;
  server.close();
  server.closeAllConnections();
  await once(server, "close");
}

/** Whether the example listens for TLS. */
const usesTLS = (example: ExampleName) => /\/tls\.|caddy\/app\./.test(example);

/** Tests that every example of the server responses, and with what its comments promise. */
export function testExamples(webServer: string): void {
  for (const example of Object.keys(examples) as ExampleName[]) {
    if (!example.startsWith(`${webServer}/`)) continue;
    test(`examples/${example} serves the application`, async () => {
      const folder = createFolder();
      const [socket, script] = [path.join(folder, "app.sock"), path.join(folder, "app.js")];
      const tcp = createServer(createApplication("tcp"));
      const unix = createServer(createApplication("unix"));
      writeSpawnedScript(script, ["plain", "0"]);
      const app = await listen(tcp, 0);
      await listen(unix, socket);
      const server = await startWebServer(example, { app, app2: app, app3: app, socket, script });
      try {
        await checkExample(example, server);
      } finally {
        await server.stop();
        await Promise.all([close(tcp), close(unix)]);
        removeFolder(folder);
      }
    });
  }
}

async function checkExample(example: ExampleName, server: WebServer): Promise<void> {
  const tls = usesTLS(example);
  const host = tls ? { protocol: "https:", host: "localhost", family: 4 } : {};
  // The one example in which the web server obtains its certificate itself.
  if (example === "caddy/app.Caddyfile") await waitForCertificate(server.port, "localhost", 10_000);
  const headers = { authorization: "Basic YTpi" };
  const reply = await request(server, "/app/a%20b?c=d", { ...host, headers });
  assert.equal(reply.statusCode, 200, `${reply.body}\n${server.log()}`);
  // Started by the web server it is the contract application, which has an echo of its own.
  if (/spawn|bin-path|fcgid/.test(example)) return;
  const report = reply.report();
  assert.equal(report.name, example.includes("unix") ? "unix" : "tcp");
  assert.equal(report.url, "/app/a%20b?c=d");
  assert.equal(report.encrypted, tls);
  if (!example.includes("minimal")) assert.equal(report.authorization, "Basic YTpi");
  if (!example.includes("prefix")) return;
  if (!example.startsWith("h2o/")) assert.equal(report.scriptName, "/app");
  if (!example.startsWith("haproxy/")) {
    assert.equal((await request(server, "/index.html")).body, "a file\n");
    assert.equal((await request(server, "/apple/x")).statusCode, 404);
  }
}

/** Tests that the web server and the application outlive each other's accidents. */
export function testRestart(example: ExampleName): void {
  test(`${example}: the application is restarted under load`, async () => {
    const holder = new Holder();
    const before = createServer(createApplication("before", holder));
    const app = await listen(before, 0);
    const server = await startWebServer(example, { app });
    const after = createServer(createApplication("after"));
    try {
      const held = once(holder, "held");
      const slow = request(server, "/held");
      await held;
      const closed = once(before, "close");
      before.close();
      // Nobody listens now, but the open request still gets its response.
      holder.emit("release");
      assert.equal((await slow).report().name, "before");
      await closed;
      const down = await Promise.all(Array.from({ length: 8 }, () => request(server, "/")));
      for (const { statusCode } of down)
        assert.ok([500, 502, 503, 504].includes(statusCode), `${statusCode}`);
      await listen(after, app);
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          const { reply } = await requestUntil(server, "/", ({ statusCode }) => statusCode === 200);
          assert.equal(reply.report().name, "after");
        }),
      );
      for (let count = 0; count < 20; count++) assert.equal((await request(server, "/")).statusCode, 200);
    } finally {
      await server.stop();
      await Promise.all([close(before), close(after)]);
    }
  });
}

/** Tests that a request which one application cannot take goes to another. */
export function testFailover(example: ExampleName): void {
  test(`${example}: another process takes over from one that is gone`, async () => {
    const servers = ["one", "two", "three"].map((name) => createServer(createApplication(name)));
    const [one, two, three] = servers as [FastCGIServer, FastCGIServer, FastCGIServer];
    const places = { app: await listen(one, 0), app2: await listen(two, 0), app3: await listen(three, 0) };
    const server = await startWebServer(example, places);
    try {
      for (let count = 0; count < 4; count++) assert.equal((await request(server, "/")).statusCode, 200);
      await close(one);
      // Health checks take a moment; after it, nobody sees a failure.
      await requestUntil(server, "/", ({ statusCode }) => statusCode === 200);
      for (let count = 0; count < 20; count++) {
        const reply = await request(server, "/");
        assert.equal(reply.statusCode, 200, `${reply.body}\n${server.log()}`);
        assert.notEqual(reply.report().name, "one");
      }
      await listen(one, places.app);
      await close(two);
      if ("{app3}" in examples[example]!) await close(three);
      await requestUntil(
        server,
        "/",
        ({ statusCode, report }) => statusCode === 200 && report().name === "one",
      );
    } finally {
      await server.stop();
      await Promise.all(servers.map(close));
    }
  });
}

/** Tests that an overloaded application says so in a way that this web server passes on. */
export function testOverload(example: ExampleName): void {
  test(`${example}: a request beyond maxRequests gets 503`, async () => {
    const holder = new Holder();
    const application = createServer({ maxRequests: 2 }, createApplication("busy", holder));
    const server = await startWebServer(example, { app: await listen(application, 0) });
    try {
      const first = once(holder, "held");
      const one = request(server, "/held");
      await first;
      const second = once(holder, "held");
      const two = request(server, "/held");
      await second;
      const refused = await request(server, "/");
      assert.equal(refused.statusCode, 503);
      assert.match(refused.body, /too many open requests/);
      holder.emit("release");
      assert.deepEqual([(await one).statusCode, (await two).statusCode], [200, 200]);
      assert.equal((await request(server, "/")).statusCode, 200);
    } finally {
      await server.stop();
      await close(application);
    }
  });
}

/** Tests that no request of very many fails: rare races at the end of a connection show in no other test. */
export function testMany(example: ExampleName): void {
  test(`${example}: 1000 requests one after another get responses`, async () => {
    const folder = createFolder();
    const socket = path.join(folder, "app.sock");
    const application = createServer((req, res) => {
      res.end(req.url);
    });
    const app = await listen(application, example.includes("unix") ? socket : 0);
    const server = await startWebServer(example, { app, socket });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    try {
      const statusCodes: Record<number, number> = {};
      for (let count = 0; count < 1000; count++) {
        const { statusCode } = await request(server, `/${count}`, { agent });
        statusCodes[statusCode] = (statusCodes[statusCode] ?? 0) + 1;
      }
      assert.deepEqual(statusCodes, { 200: 1000 });
    } finally {
      agent.destroy();
      await server.stop();
      await close(application);
      removeFolder(folder);
    }
  });
}

/** Tests HTTP/2 from the client: many requests at once, with and without bodies; by default none with a length. */
export function testHTTP2(example: ExampleName, { withLength = false }: { withLength?: boolean } = {}): void {
  test(`${example}: 40 requests at a time come over one connection of HTTP/2`, async () => {
    const application = createServer(createApplication("h2"));
    const server = await startWebServer(example, { app: await listen(application, 0) });
    const session = http2.connect(`https://localhost:${server.port}`, {
      rejectUnauthorized: false,
      // The servers listen on IPv4 only.
      family: 4,
    } as http2.SecureClientSessionOptions);
    try {
      // Only then does the client know how many requests at a time the server takes (lighttpd: 8).
      await once(session, "remoteSettings");
      const replies = Array.from({ length: 40 }, async (_, index) => {
        const length = index % 2 === 0 ? 0 : 250 * index;
        const method = length === 0 ? "GET" : "POST";
        const stream = session.request({
          ":path": `/number/${index}`,
          ":method": method,
          ...(withLength && length > 0 && { "content-length": length }),
        });
        if (method === "POST") stream.end(Buffer.alloc(length, "x"));
        const [headers] = await once(stream, "response");
        let body = "";
        for await (const chunk of stream.setEncoding("utf8")) body += chunk;
        assert.equal(headers[":status"], 200, body);
        const report: Report = JSON.parse(body);
        assert.deepEqual([report.url, report.length, report.encrypted], [`/number/${index}`, length, true]);
      });
      await Promise.all(replies);
    } finally {
      session.destroy();
      await server.stop();
      await close(application);
    }
  });
}
