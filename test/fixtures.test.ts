import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, before, describe, test } from "node:test";
import { createServer } from "../src/index.ts";
import { type CapturedRequest, expectSeen, type SeenRequest } from "./fixtures/expected.ts";
import { type Fixture, readFixtures, replay, type Split } from "./fixtures/replay.ts";
import { listen } from "./support/server.ts";
import { GET_VALUES, readPairs } from "./support/wire.ts";

const LANES = 16;

/** Recordings in which a body stops in the middle, or is aborted. */
const truncated = (fixture: Fixture): boolean => /abort-upload$/.test(fixture.name);
/** HAProxy began a request and closed without a word: its own response was 500. */
const beginOnly = ["haproxy/nul-path", "haproxy/options-star"];
/** A chunked upload that did not fit: HAProxy asked for values and closed. */
const empty = ["haproxy/getvalues--post-chunked200k", "haproxy/mpxs--post-chunked200k"];

/** Bytes over 127 in the target, which node:http refuses, too. */
const holdsUTF8 = ({ params }: CapturedRequest): boolean =>
  params.some(([name, value]) => name === "REQUEST_URI" && /[^\x21-\x7e]/.test(value));

/** Requests that end before their body does, by REMOTE_PORT. */
const aborted: { method: string | undefined; remotePort: number | undefined; bodyLength: number }[] = [];

/** Tells in a field of the response what it has seen: responses to HEAD have no body. */
async function tell(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { method, url, httpVersion, headers, socket } = req;
  const { remoteAddress, remotePort } = socket;
  const { encrypted = false } = socket as unknown as { encrypted?: boolean };
  const hash = createHash("sha256");
  let bodyLength = 0;
  try {
    for await (const chunk of req) {
      hash.update(chunk as Buffer);
      bodyLength += (chunk as Buffer).length;
    }
  } catch {
    assert.equal(req.aborted, true);
    aborted.push({ method, remotePort, bodyLength });
    return;
  }
  const seen: SeenRequest = {
    method,
    url,
    httpVersion,
    headers: { ...headers },
    remoteAddress,
    remotePort,
    encrypted,
    bodyLength,
    bodySha256: hash.digest("hex"),
  };
  res.setHeader("X-Seen", Buffer.from(JSON.stringify(seen)).toString("base64"));
  res.end("ok");
}

const fixtures = readFixtures();
const server = createServer(tell);
let port = 0;
before(async () => {
  port = await listen(server);
});
after(() => {
  server.close();
  server.closeAllConnections();
});

async function check(fixture: Fixture, split: Split, index: number): Promise<void> {
  const what = `${fixture.name}, ${split}`;
  const { responses, values } = await replay(port, fixture, split, index);
  if (fixture.bytes[1] === GET_VALUES) {
    assert.equal(values.length, 1, `${what}: results of FCGI_GET_VALUES`);
    const names = readPairs(values[0]!)?.map(([name]) => name);
    assert.deepEqual(names, ["FCGI_MAX_REQS", "FCGI_MPXS_CONNS"], what);
  } else {
    assert.equal(values.length, 0, what);
  }
  if (truncated(fixture) || beginOnly.includes(fixture.name) || empty.includes(fixture.name)) {
    const withOutput = responses.filter(({ stdout }) => stdout.length > 0);
    assert.deepEqual(withOutput, [], `${what}: a response to half a request`);
    return;
  }
  assert.equal(responses.length, fixture.requests.length, `${what}: responses`);
  const wanted = [...fixture.requests];
  for (const { id, stdout } of responses) {
    const place = wanted.findIndex(({ requestId }) => requestId === id);
    const [request] = wanted.splice(place, 1);
    assert.ok(place >= 0 && request, `${what}: a response under id ${id}`);
    const head = stdout.toString("latin1");
    const method = request.params.find(([name]) => name === "REQUEST_METHOD")?.[1];
    if (method === undefined) {
      // nginx/noparams: the response names the cause.
      assert.match(head, /^Status: 500 .*fastcgi_params/s, what);
    } else if (method === "FOO" || holdsUTF8(request)) {
      assert.match(head, /^Status: 400 /, what);
    } else {
      const field = /\r\nX-Seen: ([^\r]*)/.exec(head)?.[1] ?? assert.fail(`${what}: ${head.slice(0, 200)}`);
      const seen = JSON.parse(Buffer.from(field, "base64").toString()) as SeenRequest;
      assert.deepEqual(seen, JSON.parse(JSON.stringify(expectSeen(request))), what);
    }
  }
}

describe("requests of six web servers, replayed as they were recorded", () => {
  for (const split of ["whole", "byte by byte", "at random"] as const) {
    test(`reach the application as meant when they arrive ${split}`, async () => {
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < fixtures.length) {
          const index = next++;
          await check(fixtures[index]!, split, index);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      assert.ok(fixtures.length >= 540, `${fixtures.length} recordings`);
    });
  }

  test("come as aborted where their body stops in the middle", () => {
    // Six recordings, three times each: HAProxy's two say so with FCGI_ABORT_REQUEST, the others with FIN.
    const recorded = fixtures.filter(truncated);
    assert.equal(aborted.length, recorded.length * 3);
    for (const { name, requests } of recorded) {
      const port = Number(requests[0]!.params.find(([key]) => key === "REMOTE_PORT")?.[1]);
      const seen = aborted.filter(({ remotePort }) => remotePort === port);
      assert.ok(seen.length >= 3, name);
      for (const { bodyLength } of seen) assert.ok(bodyLength < 20_000, `${name}: ${bodyLength}`);
    }
  });

  test("read the special ones as found: spoofed lengths, httpoxy, UTF-8 paths, twins", () => {
    const seen = (name: string): SeenRequest => {
      const fixture = fixtures.find((candidate) => candidate.name === name) ?? assert.fail(name);
      return expectSeen(fixture.requests[0]!);
    };
    // By hand, so that a mistake in expected.ts does not confirm one in the library.
    assert.equal(seen("nginx/get-query").url, "/?a=1&b=%20x&c");
    assert.equal(seen("nginx/httpoxy").headers.proxy, undefined);
    assert.equal(seen("nginx/tls--http2").httpVersion, "2.0");
    assert.equal(seen("nginx/tls--get-root").encrypted, true);
    assert.equal(seen("nginx/get-root").encrypted, false);
    assert.equal(seen("h2o/tls--get-root").encrypted, true);
    assert.equal(seen("caddy/post-chunked-small").headers["transfer-encoding"], "chunked");
    assert.equal(seen("apache/post-chunked-small").headers["content-length"], "5");
    assert.equal(seen("nginx/post-chunked-small").headers["transfer-encoding"], undefined);
    assert.equal(seen("nginx/get-root").headers["content-length"], undefined);
    assert.equal(seen("nginx/get-root").headers["content-type"], undefined);
    assert.equal(seen("haproxy/post5").headers["content-length"], "5");
    assert.equal(seen("h2o/options-star").url, "*");
  });
});
