/** The gateway in front of Debian's php-fpm. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import test, { after, before } from "node:test";
import express from "express";
import { createGateway, FastCGIClient } from "../../src/client/index.ts";

const SCRIPT = `<?php
header("X-Seen: " . ($_SERVER["HTTP_X_WANTED"] ?? ""));
setcookie("a", "1");
setcookie("b", "2");
header("Content-Type: application/json");
echo json_encode([
  "method" => $_SERVER["REQUEST_METHOD"],
  "uri" => $_SERVER["REQUEST_URI"],
  "script" => $_SERVER["SCRIPT_NAME"],
  "pathInfo" => $_SERVER["PATH_INFO"] ?? "",
  "self" => $_SERVER["PHP_SELF"],
  "address" => $_SERVER["REMOTE_ADDR"],
  "https" => $_SERVER["HTTPS"] ?? "",
  "get" => $_GET, "post" => $_POST, "cookie" => $_COOKIE,
  "file" => isset($_FILES["f"]) ? sha1_file($_FILES["f"]["tmp_name"]) : null,
  "body" => strlen(file_get_contents("php://input")),
]);
`;

let folder = "";
let socket = "";
let fpm: ChildProcess;
let base = "";
let server: http.Server;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "php-fpm-"));
  socket = join(folder, "fpm.sock");
  await writeFile(join(folder, "app.php"), SCRIPT);
  await writeFile(join(folder, "index.php"), '<?php echo "index";');
  await writeFile(join(folder, "redirect.php"), '<?php header("Location: /app.php/after");');
  await writeFile(join(folder, "slow.php"), '<?php for (;;) { echo str_repeat("x", 9999); flush(); }');
  await writeFile(
    join(folder, "big.php"),
    '<?php for ($i = 0; $i < 500; $i++) echo str_repeat("x", 100000);',
  );
  await writeFile(join(folder, "broken.php"), "<?php error_log('oh no'); http_response_code(500);");
  const config = join(folder, "fpm.conf");
  await writeFile(
    config,
    `[global]
error_log = ${join(folder, "fpm.log")}
daemonize = no
[www]
listen = ${socket}
pm = static
pm.max_children = 3
catch_workers_output = no
`,
  );
  // Its name holds its version.
  const name = (await readdir("/usr/sbin")).find((file) => file.startsWith("php-fpm"));
  assert(name, "php-fpm is not installed");
  fpm = spawn(join("/usr/sbin", name), ["-n", "-R", "-F", "-O", "-y", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  for await (const line of createInterface(fpm.stderr!)) if (line.includes("ready to handle")) break;
  assert(existsSync(socket));
  fpm.stderr!.resume();
  const app = express()
    .use("/mount", createGateway(socket, { documentRoot: folder }))
    .use("/front", createGateway(socket, { scriptFilename: join(folder, "app.php") }))
    .use(createGateway(socket, { documentRoot: folder, keepConn: true, maxConnections: 2 }));
  server = http.createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(async () => {
  server.close();
  server.closeAllConnections();
  fpm.kill();
  await once(fpm, "exit");
  await rm(folder, { recursive: true });
});

test("runs a PHP script with query, header fields and cookies", async () => {
  const headers = { "X-Wanted": "yes", Cookie: "c=d" };
  const res = await fetch(`${base}/app.php/more/path?q=1`, { headers });
  assert.equal(res.status, 200);
  assert.equal(res.headers.get("x-seen"), "yes");
  assert.deepEqual(res.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.deepEqual(await res.json(), {
    method: "GET",
    uri: "/app.php/more/path?q=1",
    script: "/app.php",
    pathInfo: "/more/path",
    self: "/app.php/more/path",
    address: "127.0.0.1",
    https: "",
    get: { q: "1" },
    post: [],
    cookie: { c: "d" },
    file: null,
    body: 0,
  });
});

test("passes a form to PHP", async () => {
  const res = await fetch(`${base}/app.php`, {
    method: "POST",
    body: new URLSearchParams({ name: "Ü & ü" }),
  });
  const reply = (await res.json()) as { post: unknown; body: number };
  assert.deepEqual(reply.post, { name: "Ü & ü" });
  assert.equal(reply.body, 22);
});

test("passes a file upload to PHP", async () => {
  const content = Buffer.alloc(1_000_000, "0123456789");
  const form = new FormData();
  form.set("f", new Blob([content]), "f.bin");
  const res = await fetch(`${base}/app.php`, { method: "POST", body: form });
  const { file } = (await res.json()) as { file: string };
  assert.equal(file, createHash("sha1").update(content).digest("hex"));
});

test("runs the index of a folder, and a front controller", async () => {
  assert.equal(await (await fetch(`${base}/`)).text(), "index");
  const reply = (await (await fetch(`${base}/front/any/path`)).json()) as Record<string, unknown>;
  assert.equal(reply.script, "/front/app.php");
  assert.equal(reply.pathInfo, "/any/path");
});

test("runs scripts below a mount of Express", async () => {
  const reply = (await (await fetch(`${base}/mount/app.php/x`)).json()) as Record<string, unknown>;
  assert.equal(reply.script, "/mount/app.php");
  assert.equal(reply.pathInfo, "/x");
  assert.equal(reply.uri, "/mount/app.php/x");
});

test("passes PHP's own responses on: a redirect, a missing script, an error", async () => {
  const redirect = await fetch(`${base}/redirect.php`, { redirect: "manual" });
  assert.equal(redirect.status, 302);
  assert.equal(redirect.headers.get("location"), "/app.php/after");
  assert.equal((await fetch(`${base}/missing.php`)).status, 404);
  assert.equal((await fetch(`${base}/broken.php`)).status, 500);
});

test("responds to HEAD without a body", async () => {
  const res = await fetch(`${base}/app.php`, { method: "HEAD" });
  assert.equal(res.status, 200);
  assert.equal(await res.text(), "");
});

test("streams 50 MB out of PHP", async () => {
  const res = await fetch(`${base}/big.php`);
  assert.equal((await res.arrayBuffer()).byteLength, 50_000_000);
});

test("frees the worker when the client disconnects", async () => {
  // More such requests than workers: unless each is aborted, nothing responds to the last request.
  for (let n = 0; n < 5; n++) {
    const controller = new AbortController();
    const res = await fetch(`${base}/slow.php`, { signal: controller.signal });
    await res.body!.getReader().read();
    controller.abort();
  }
  assert.equal(await (await fetch(`${base}/`)).text(), "index");
});

test("asks php-fpm for its values", async () => {
  const values = await new FastCGIClient(socket).getValues();
  assert.equal(values.get("FCGI_MPXS_CONNS"), "0");
});

test("runs PHP behind an HTTP/2 server: GET, HEAD, POST with and without a length", async (t) => {
  const gateway = createGateway(socket, { documentRoot: folder });
  const h2 = http2.createServer(gateway).listen(0, "127.0.0.1");
  await once(h2, "listening");
  const session = http2.connect(`http://127.0.0.1:${(h2.address() as AddressInfo).port}`);
  t.after(() => {
    session.destroy();
    h2.close();
    gateway.client.destroy();
  });
  const send = async (headers: http2.OutgoingHttpHeaders, body?: string) => {
    const stream = session.request(
      { ":path": "/app.php?q=1", ...headers },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(body);
    const [head] = await once(stream, "response");
    return { status: head[":status"], cookies: head["set-cookie"], body: await text(stream) };
  };
  const get = await send({ cookie: ["c=d", "e=f"] });
  assert.equal(get.status, 200);
  assert.deepEqual(get.cookies, ["a=1", "b=2"]);
  const reply = JSON.parse(get.body);
  assert.deepEqual([reply.method, reply.get, reply.cookie], ["GET", { q: "1" }, { c: "d", e: "f" }]);
  assert.deepEqual(await send({ ":method": "HEAD" }), { status: 200, cookies: ["a=1", "b=2"], body: "" });
  const form = { ":method": "POST", "content-type": "application/x-www-form-urlencoded" };
  for (const headers of [form, { ...form, "content-length": "5" }]) {
    const { post, body } = JSON.parse((await send(headers, "n=abc")).body);
    assert.deepEqual([post, body], [{ n: "abc" }, 5]);
  }
});

test("uses a kept connection to php-fpm for many requests, some of them aborted", async () => {
  const client = new FastCGIClient(socket, { keepConn: true, maxConnections: 2 });
  for (let n = 0; n < 50; n++) {
    const script = n % 5 === 4 ? "slow.php" : "index.php";
    const response = await client.request({
      REQUEST_METHOD: "GET",
      SCRIPT_FILENAME: join(folder, script),
      SCRIPT_NAME: `/${script}`,
    });
    if (script === "slow.php") response.body.destroy();
    else assert.equal(await text(response.body), "index");
  }
  await client.close();
});
