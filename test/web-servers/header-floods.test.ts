import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import test, { type TestContext } from "node:test";
import { createServer } from "../../src/index.ts";
import { heapUsed } from "../support/memory.ts";
import { startWebServer } from "./harness.ts";
import { skipReason } from "./target.ts";

/** Caddy takes heads of 1 MB. Returns the status of a response to a request with these field lines. */
async function startCaddy(t: TestContext): Promise<(lines: string) => Promise<number>> {
  const server = createServer((_req, res) => res.end("ok")).listen(0);
  await once(server, "listening");
  const caddy = await startWebServer("caddy/Caddyfile", { app: (server.address() as AddressInfo).port });
  t.after(async () => {
    await caddy.stop();
    server.close();
    server.closeAllConnections();
  });
  return async (lines) => {
    const socket = connect(caddy.port, "127.0.0.1");
    let response = "";
    socket.on("data", (chunk) => {
      response += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}\r\n`);
    await closed;
    return Number(/^HTTP\/1\.1 (\d+)/.exec(response)?.[1]);
  };
}

test("23,000 short fields through Caddy are 431, and hold the event loop for less than 50 ms", {
  skip: skipReason("caddy"),
}, async (t) => {
  const send = await startCaddy(t);
  const names = Array.from({ length: 23_000 }, (_, index) => ((index * 7919) % 46_656).toString(36));
  const lines = names.map((name) => `${name.padStart(4, "q")}:\r\n`).join("");
  assert.equal(await send(""), 200);
  let last = performance.now();
  let longest = 0;
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  t.after(() => clearInterval(timer));
  // The best of three: what else runs on the machine only adds.
  const turns: number[] = [];
  for (let round = 0; round < 3; round++) {
    longest = 0;
    assert.equal(await send(lines), 431);
    turns.push(longest);
  }
  t.diagnostic(`the longest turn: ${turns.map((turn) => turn.toFixed(0)).join(", ")} ms`);
  assert.ok(Math.min(...turns) < 50, `${turns.join(", ")} ms`);
});

test("2,000 names of 65 KB through Caddy leave nothing behind", { skip: skipReason("caddy") }, async (t) => {
  const send = await startCaddy(t);
  assert.equal(await send(""), 200);
  const before = heapUsed();
  for (let index = 0; index < 2000; index++) {
    assert.equal(await send(`${"A".repeat(65_000)}${index}: x\r\n`), 431);
  }
  const grown = heapUsed() - before;
  t.diagnostic(`the heap has grown by ${(grown / 1_048_576).toFixed(1)} MiB`);
  assert.ok(grown < 16 * 1_048_576, `${grown} bytes`);
});
