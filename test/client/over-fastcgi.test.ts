import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { fileURLToPath } from "node:url";
import express from "express";
import supertest from "supertest";
import { overFastCGI } from "../../src/client/index.ts";

// Express 4 has no types of its own here; what it is used for is the same in both.
const express4: typeof express = createRequire(import.meta.url)("express4");

for (const [name, create] of [
  ["Express 5", express],
  ["Express 4", express4],
] as const) {
  test(`tests an application of ${name} with supertest`, async () => {
    const app = create();
    app.use(create.json());
    app.get("/", (req, res) => {
      const params = "params" in req.socket ? Object(req.socket.params) : {};
      res.json({ ip: req.ip, protocol: req.protocol, fastcgi: params.GATEWAY_INTERFACE });
    });
    app.post("/", (req, res) => {
      res.status(201).cookie("a", "b").json(req.body);
    });
    await supertest(overFastCGI(app))
      .get("/")
      .expect(200, { ip: "127.0.0.1", protocol: "http", fastcgi: "CGI/1.1" });
    const server = overFastCGI(app);
    for (let n = 0; n < 3; n++) {
      await supertest(server).post("/").send({ n }).expect("set-cookie", /a=b/).expect(201, { n });
    }
    await supertest(server).get("/none").expect(404);
    assert.equal(server.listening, false);
  });
}

test("serves until it is closed, and its FastCGI server with it", async () => {
  const server = overFastCGI((req, res) => res.end(req.url));
  assert(server instanceof http.Server);
  for (let n = 0; n < 2; n++) {
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/${n}`)).text(), `/${n}`);
    server.close();
    await once(server, "close");
  }
});

test("passes requestError on", async (t) => {
  const failure = new Error("thrown");
  const server = overFastCGI(() => {
    throw failure;
  });
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const heard = once(server, "requestError");
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 500);
  assert.equal((await heard)[0], failure);
});

test("does not keep the process alive", async () => {
  const index = fileURLToPath(new URL("../../src/client/index.ts", import.meta.url));
  const script = `
    import { overFastCGI } from ${JSON.stringify(index)};
    overFastCGI(() => {});
    const server = overFastCGI((req, res) => res.end("response")).listen(0, "127.0.0.1", async () => {
      const res = await fetch("http://127.0.0.1:" + server.address().port, { headers: { connection: "close" } });
      console.log(await res.text());
      server.unref();
    });`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  assert.deepEqual(await once(child, "close"), [0, null]);
  assert.equal(output, "response\n");
});
