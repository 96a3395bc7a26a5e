import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { FastCGIClient } from "../../src/client/index.ts";
import { createServer } from "../../src/index.ts";
import { Random } from "../support/random.ts";

const path = join(tmpdir(), `serve-fastcgi-pace-${process.pid}.sock`);
let open = 0;
const server = createServer((req, res) => {
  open++;
  res.on("close", () => open--);
  for (const stream of [req, res]) stream.on("error", () => {});
  if (req.url === "/early") res.end("early");
  else if (req.url === "/late") setImmediate(() => req.pipe(res));
  else req.pipe(res);
});

before(async () => {
  server.listen(path);
  await once(server, "listening");
});
after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(path, { force: true });
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function* inTurns(body: Buffer, random: Random): AsyncGenerator<Buffer> {
  for (let start = 0; start < body.length; start += 30_000) {
    if (random.chance(0.3)) await turn();
    yield body.subarray(start, start + 30_000);
  }
}

function bodyOf(bytes: Buffer, random: Random): Buffer | Readable | AsyncIterable<Buffer> {
  const kind = random.integer(0, 2);
  if (kind === 0) return bytes;
  if (kind === 1) return inTurns(bytes, random);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 10_000) }, (_, index) => {
    return bytes.subarray(index * 10_000, (index + 1) * 10_000);
  });
  return Readable.from(pieces);
}

/** Sends one request and reads its response, unless it is aborted or its response destroyed. */
async function ask(client: FastCGIClient, random: Random): Promise<void> {
  const bytes = Buffer.alloc(random.integer(0, random.pick([10, 70_000, 600_000])), random.integer(97, 122));
  const url = random.pick(["/", "/", "/late", "/early"]);
  const abort = new AbortController();
  const isAborted = random.chance(0.2);
  if (isAborted) {
    void (async () => {
      for (let turns = random.integer(0, 10); turns > 0; turns--) await turn();
      abort.abort();
    })();
  }
  const params = {
    REQUEST_METHOD: "POST",
    REQUEST_URI: url,
    SERVER_PROTOCOL: "HTTP/1.1",
    CONTENT_LENGTH: String(bytes.length),
  };
  const options = { body: bodyOf(bytes, random), signal: abort.signal, keepConn: random.chance(0.8) };
  try {
    const { body } = await client.request(params, options);
    if (random.chance(0.1)) {
      body.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of body) {
      chunks.push(chunk as Buffer);
      if (random.chance(0.1)) await turn();
    }
    assert.ok(Buffer.concat(chunks).equals(url === "/early" ? Buffer.from("early") : bytes), url);
  } catch (error) {
    if (!isAborted || error instanceof assert.AssertionError) throw error;
  }
}

for (let seed = 1; seed <= 10; seed++) {
  test(`up to twelve requests at a time, some aborted, do not disturb one another, seed ${seed}`, async () => {
    for (let index = 0; index < 20; index++) {
      const random = new Random(seed, index);
      const client = new FastCGIClient(path, {
        multiplex: random.chance(0.5),
        keepConn: random.chance(0.5),
        maxConnections: random.integer(1, 6),
      });
      const count = random.integer(1, 12);
      await Promise.all(Array.from({ length: count }, () => ask(client, random)));
      await client.close();
    }
    while (open > 0) await turn();
  });
}
