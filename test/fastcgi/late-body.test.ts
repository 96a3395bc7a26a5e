import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import { PassThrough, pipeline, Writable } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import type { FastCGIServerOptions } from "../../src/index.ts";
import type { Link } from "../support/link.ts";
import { head, request } from "../support/request.ts";
import { startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const BODY = Buffer.alloc(300_000, "body ");
const CHUNKED = [["HTTP_TRANSFER_ENCODING", "chunked"]] as const;

/** The length of a body that was read, and the events of its request. */
class Outcome {
  length = 0;
  readonly events: string[] = [];
  readonly closed: Promise<void>;
  #sink: Writable | undefined;

  constructor(req: IncomingMessage) {
    for (const event of ["aborted", "end"]) req.on(event, () => this.events.push(event));
    req.on("error", (error: NodeJS.ErrnoException) => this.events.push(`error ${error.code}`));
    this.closed = new Promise((resolve) => req.on("close", resolve));
  }

  count(chunk: Buffer): void {
    this.length += chunk.length;
  }

  /** A slow sink that counts bytes, so that pipes into it wait for `drain`. */
  sink(): Writable {
    this.#sink = new Writable({
      write: (chunk, _encoding, callback) => {
        this.count(chunk);
        setImmediate(callback);
      },
    });
    return this.#sink;
  }

  /** Waits for the end of the request and of the sink. */
  async whole(): Promise<void> {
    await this.closed;
    if (this.#sink !== undefined && !this.#sink.writableFinished) await once(this.#sink, "finish");
  }
}

/** Ways to read, all begun in the tick in which the response was ended. */
const ways: Record<string, (req: IncomingMessage, outcome: Outcome) => unknown> = {
  "pipe()": (req, outcome) => req.pipe(outcome.sink()),
  "pipe() through another stream": (req, outcome) => req.pipe(new PassThrough()).pipe(outcome.sink()),
  "stream.pipeline()": (req, outcome) => pipeline(req, outcome.sink(), () => {}),
  "a data listener": (req, outcome) => req.on("data", (chunk) => outcome.count(chunk)),
  "a readable listener": (req, outcome) =>
    req.on("readable", () => {
      for (let chunk = req.read(); chunk !== null; chunk = req.read()) outcome.count(chunk);
    }),
  "for await": async (req, outcome) => {
    try {
      for await (const chunk of req) outcome.count(chunk);
    } catch {
      // The request's events tell of it.
    }
  },
  "resume() with an end listener": (req, outcome) => {
    outcome.length = BODY.length;
    req.resume();
  },
};

/** Starts a server that responds at once and then reads in one of the ways. */
async function start(
  t: TestContext,
  read: (req: IncomingMessage, outcome: Outcome) => unknown,
  options: FastCGIServerOptions = {},
): Promise<{ server: Server; open: () => Promise<Link>; outcome: Promise<Outcome> }> {
  let begun = (_outcome: Outcome): void => {};
  const outcome = new Promise<Outcome>((resolve) => {
    begun = resolve;
  });
  const { server, open } = await startServer(t, options, (req, res) => {
    if (req.url !== "/late") {
      req.pipe(res);
      return;
    }
    const seen = new Outcome(req);
    res.end("accepted");
    read(req, seen);
    begun(seen);
  });
  return { server, open, outcome };
}

const late = (id: number, keepConn: boolean, isAnnounced: boolean): Buffer =>
  head(id, {
    url: "/late",
    method: "POST",
    keepConn,
    ...(isAnnounced ? { body: BODY } : { params: CHUNKED }),
  });

/** The body in two parts: what comes with the head, and what comes after the response. */
const parts = (id: number, first: number): [Buffer, Buffer] => [
  wire.stream(wire.STDIN, id, BODY.subarray(0, first)),
  Buffer.concat([wire.stream(wire.STDIN, id, BODY.subarray(first)), wire.record(wire.STDIN, id)]),
];

describe("a body that is read after its response is delivered whole", () => {
  for (const [way, read] of Object.entries(ways)) {
    for (const keepConn of [true, false]) {
      for (const isAnnounced of [true, false]) {
        const kind = `${keepConn ? "kept" : "of its own"}, ${isAnnounced ? "of a length" : "chunked"}`;
        test(`by ${way} (${kind})`, async (t) => {
          for (const first of [0, 1000, BODY.length]) {
            const { open, outcome } = await start(t, read);
            const link = await open();
            const [begin, rest] = parts(1, first);
            link.send(late(1, keepConn, isAnnounced), begin);
            assert.equal((await link.response(1)).text, "accepted");
            link.send(rest);
            const seen = await outcome;
            await seen.whole();
            assert.deepEqual([seen.length, seen.events], [BODY.length, ["end"]], `${first} with the head`);
            if (!keepConn) {
              await link.closed();
              continue;
            }
            link.send(request(1, { method: "POST", body: "next" }));
            assert.equal((await link.response(1)).text, "next");
          }
        });
      }
    }

    test(`by ${way} (one of several on a connection)`, async (t) => {
      const { open, outcome } = await start(t, read);
      const link = await open();
      link.send(head(2, { method: "POST", body: "neighbour" }), late(1, false, true));
      assert.equal((await link.response(1)).text, "accepted");
      const [, rest] = parts(1, 0);
      link.send(rest.subarray(0, 100_000));
      link.send(rest.subarray(100_000));
      const seen = await outcome;
      await seen.whole();
      assert.deepEqual([seen.length, seen.events], [BODY.length, ["end"]]);
      link.send(wire.stream(wire.STDIN, 2, Buffer.from("neighbour")), wire.record(wire.STDIN, 2));
      assert.equal((await link.response(2)).text, "neighbour");
      await link.closed();
    });
  }

  test("beyond lingerLength and lingerTimeout, which are for what nobody reads", async (t) => {
    const options = {
      lingerLength: 1000,
      lingerTimeout: 30,
      beginTimeout: 100,
      connectionsCheckingInterval: 10,
    };
    const { open, outcome } = await start(t, ways["a data listener"]!, options);
    const link = await open();
    link.send(late(1, false, true));
    await link.response(1);
    // The time-out of another connection shows that the time has passed.
    await (await open()).closed();
    link.send(...parts(1, 0));
    const seen = await outcome;
    await seen.closed;
    assert.deepEqual([seen.length, seen.events], [BODY.length, ["end"]]);
  });
});

describe("a body that is read after its response and cut short", () => {
  const cuts: Record<string, (link: Link) => void> = {
    "by the end of the connection": (link) => link.finish(),
    "by a reset": (link) => link.reset(),
    "by the end of STDIN": (link) => link.send(wire.record(wire.STDIN, 1)),
    "by ABORT_REQUEST": (link) => link.send(wire.record(wire.ABORT_REQUEST, 1)),
    "by a new request with its id": (link) => link.send(request(1)),
  };
  for (const [how, cut] of Object.entries(cuts)) {
    for (const [way, read] of Object.entries(ways)) {
      test(`${how} is never a normal end for ${way}`, async (t) => {
        const { open, outcome, server } = await start(t, read);
        const link = await open();
        link.send(late(1, true, true), parts(1, 1000)[0]);
        await link.response(1);
        const seen = await outcome;
        const reported = once(server, "clientError");
        cut(link);
        await seen.closed;
        assert.deepEqual(seen.events, ["aborted", "error ECONNRESET"]);
        const [error] = await reported;
        assert.match(error.code, how === "by a reset" ? /^ECONNRESET$/ : /^HPE_INVALID_EOF_STATE$/);
      });
    }
  }

  for (const name of ["stdinTimeout", "requestTimeout"]) {
    for (const keepConn of [true, false]) {
      test(`by ${name} (${keepConn ? "kept" : "a connection of its own"}) leaves no connection open`, async (t) => {
        const timeouts = { stdinTimeout: 0, requestTimeout: 0, keepAliveTimeout: 20, lingerTimeout: 20 };
        const options = { ...timeouts, [name]: 50, connectionsCheckingInterval: 10 };
        const { open, outcome, server } = await start(t, ways["pipe()"]!, options);
        const link = await open();
        const reported = once(server, "clientError");
        link.send(late(1, keepConn, true), parts(1, 1000)[0]);
        await link.response(1);
        const seen = await outcome;
        await seen.closed;
        assert.deepEqual(seen.events, ["aborted", "error ECONNRESET"]);
        assert.equal((await reported)[0].code, "ERR_FCGI_TIMEOUT");
        await link.closed();
      });
    }
  }
});

test("a slow reader after the response makes the web server wait", async (t) => {
  const started: IncomingMessage[] = [];
  const { open, outcome } = await start(t, (req, outcome) => {
    started.push(req);
    req.on("data", (chunk) => outcome.count(chunk));
    req.pause();
  });
  const link = await open();
  const size = 50_000_000;
  link.send(head(1, { url: "/late", method: "POST", body: Buffer.alloc(size), keepConn: true }));
  await link.response(1);
  link.send(wire.stream(wire.STDIN, 1, Buffer.alloc(size)), wire.record(wire.STDIN, 1));
  // Requests on another connection show that the server has read what it wants to.
  const other = await open();
  for (let id = 1; id <= 50; id++) {
    other.send(request(id));
    await other.response(id);
  }
  assert.ok(link.unsent > size / 2, `${link.unsent} bytes wait`);
  assert.ok(started[0]!.readableLength < 4_000_000, `${started[0]!.readableLength} bytes are held`);
  started[0]!.resume();
  const seen = await outcome;
  await seen.closed;
  assert.deepEqual([seen.length, seen.events], [size, ["end"]]);
});

test("a body that an application stopped reading before its response is given up after lingerTimeout", async (t) => {
  const options = { keepAliveTimeout: 30, lingerTimeout: 30, connectionsCheckingInterval: 10 };
  const { open } = await startServer(t, options, (req, res) => {
    req.on("error", () => {});
    // As body parsers do with a body over their limit.
    const onData = (): void => {
      req.off("data", onData).pause();
      res.writeHead(413).end();
    };
    req.on("data", onData);
  });
  for (const keepConn of [true, false]) {
    const link = await open();
    link.send(
      head(1, { method: "POST", body: BODY, keepConn }),
      wire.stream(wire.STDIN, 1, BODY.subarray(0, 70_000)),
    );
    assert.equal((await link.response(1)).status, 413);
    await link.closed();
  }
});
