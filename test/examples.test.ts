import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { FastCGIClient } from "../src/client/index.ts";
import { runCGIProgram } from "./support/cgi-program.ts";
import { findFreePort, waitForListener } from "./support/ports.ts";
import { read } from "./support/server.ts";

const folder = fileURLToPath(new URL("../examples", import.meta.url));

test("every example says at its head how to run it", () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".ts"))) {
    const text = readFileSync(`${folder}/${name}`, "utf8");
    const head = text.slice(0, text.indexOf("*/"));
    assert.ok(text.startsWith("/**\n") && head.includes(`npx tsx examples/${name}`), name);
  }
});

/** Starts an example; it is stopped with the test. */
async function start(t: TestContext, name: string, variable = "PORT") {
  const port = await findFreePort();
  const child = spawn(process.execPath, ["--import", "tsx", `${folder}/${name}.ts`], {
    env: { ...process.env, [variable]: String(port) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const exited = once(child, "exit").then(() => {});
  t.after(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  await waitForListener(port, exited, 20_000);
  const client = new FastCGIClient(port);
  t.after(() => client.destroy());
  return { port, client };
}

const get = (uri: string) => ({
  REQUEST_METHOD: "GET",
  REQUEST_URI: uri,
  QUERY_STRING: uri.split("?")[1] ?? "",
  REMOTE_ADDR: "192.0.2.1",
});

test("examples/cgi-function.ts responds over FastCGI and over HTTP", async (t) => {
  const { client } = await start(t, "cgi-function");
  const params = { ...get("/?a=1"), REQUEST_METHOD: "POST", CONTENT_LENGTH: "4" };
  const response = await read(await client.request(params, { body: "body" }));
  assert.equal(response.body, "body ; a=1\r\n");
  assert.match(response.stderr, /error log/);
  const { port } = await start(t, "cgi-function", "HTTP");
  const res = await fetch(`http://127.0.0.1:${port}/?b=2`, { method: "POST", body: "http" });
  assert.equal(await res.text(), "http ; b=2\r\n");
});

test("examples/raw-handler.ts responds in each of its ways", async (t) => {
  const { client } = await start(t, "raw-handler");
  for (const [uri, status, body] of [
    ["/class", 200, /^Hello, 192.0.2.1\n$/],
    ["/send", 201, /^{"made":true}\n$/],
    ["/countdown", 200, /^3\n2\n1\n$/],
    ["/response", 202, /^a web Response$/],
    ["/params", 200, /"REQUEST_URI":"\/params"/],
  ] as const) {
    const response = await read(await client.request(get(uri)));
    assert.equal(response.status, status);
    assert.match(response.body, body);
  }
});

test("examples/authorizer.ts lets Ada pass", async (t) => {
  const { client } = await start(t, "authorizer");
  const role = { role: "authorizer" } as const;
  assert.equal((await read(await client.request(get("/"), role))).status, 401);
  const basic = `Basic ${Buffer.from("ada:secret").toString("base64")}`;
  const passed = await read(await client.request({ ...get("/"), HTTP_AUTHORIZATION: basic }, role));
  assert.equal(passed.status, 200);
  assert.equal(passed.headers["variable-remote_user"], "ada");
});

test("examples/filter.ts filters", async (t) => {
  const { client } = await start(t, "filter");
  const params = { ...get("/"), FCGI_DATA_LAST_MOD: "1700000000", FCGI_DATA_LENGTH: "4" };
  const response = await read(await client.request(params, { role: "filter", data: "file" }));
  assert.equal(response.body, "FILE");
  assert.equal(response.headers["last-modified"], "Tue, 14 Nov 2023 22:13:20 GMT");
});

test("examples/mount.ts sees the URL without its prefix", async (t) => {
  const { client } = await start(t, "mount");
  const { body } = await read(await client.request(get("/app/users")));
  assert.deepEqual(JSON.parse(body), { url: "/users", baseUrl: "/app", originalUrl: "/app/users" });
  for (const uri of ["/users", "/apple/users", "/app%2Fusers"]) {
    assert.equal((await read(await client.request(get(uri)))).status, 404, uri);
  }
});

test("examples/client-certificate.ts asks for a certificate", async (t) => {
  const { client } = await start(t, "client-certificate");
  const secure = { ...get("/"), HTTPS: "on" };
  assert.equal((await read(await client.request({ ...secure, SSL_CLIENT_VERIFY: "NONE" }))).status, 401);
  assert.equal((await read(await client.request(get("/")))).status, 401);
  const params = { ...secure, SSL_CLIENT_VERIFY: "SUCCESS", SSL_CLIENT_S_DN: "CN=Ada,O=Example" };
  assert.deepEqual(JSON.parse((await read(await client.request(params))).body), { name: "Ada" });
});

/** Runs examples/plain-cgi.ts as a web server runs a CGI program. */
const runCGI = (env: Record<string, string>, body = "") =>
  runCGIProgram([`${folder}/plain-cgi.ts`], env, body);

test("examples/plain-cgi.ts responds to one request on stdin and stdout, and exits", async () => {
  const page = await runCGI(get("/cgi-bin/app"));
  assert.match(page.stdout, /^Status: 200 OK\r\n(.+\r\n)+\r\nHello from \/cgi-bin\/app$/);
  assert.equal(page.stderr, "a line in the error log\n");
  assert.equal(page.code, 0);
  const body = "a=1&b=2";
  const echo = await runCGI(
    {
      ...get("/cgi-bin/app/echo?x"),
      REQUEST_METHOD: "POST",
      CONTENT_TYPE: "application/x-www-form-urlencoded",
      CONTENT_LENGTH: String(body.length),
    },
    `${body}surplus`,
  );
  const [, json = ""] = echo.stdout.split("\r\n\r\n");
  assert.deepEqual(JSON.parse(json), { body: { a: "1", b: "2" }, url: "/cgi-bin/app/echo?x" });
  assert.match((await runCGI({ ...get("/"), REQUEST_METHOD: "BREW" })).stdout, /^Status: 400 /);
});

test("examples/plain-cgi.ts serves FastCGI, too", async (t) => {
  const { client } = await start(t, "plain-cgi");
  assert.equal((await read(await client.request(get("/")))).body, "Hello from /");
});
