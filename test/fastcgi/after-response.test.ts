import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import { memoryUsed } from "../support/memory.ts";
import { head, request } from "../support/request.ts";
import { startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const MEBIBYTE = 1_048_576;
const OFTEN = { connectionsCheckingInterval: 10 };
const LONG = { CONTENT_LENGTH: "10", LONG_VARIABLE: "x".repeat(200_000) };

/** Params and no STDIN. */
function unended(id: number, url = "/", params: Record<string, string> = LONG): Buffer {
  return head(id, { url, method: "POST", params: Object.entries(params) });
}

describe("requests with a response whose STDIN does not end", () => {
  for (const [connections, requests] of [
    [1, 1500],
    [30, 50],
  ] as const) {
    test(`are let go but for the latest: ${requests} each on ${connections} connections`, async (t) => {
      let closed = 0;
      const { open } = await startServer(t, {}, (req, res) => {
        req.on("close", () => closed++).on("error", () => {});
        res.end("early");
      });
      const before = memoryUsed();
      for (let count = 0; count < connections; count++) {
        const link = await open();
        for (let id = 1; id <= requests; id++) {
          link.send(unended(id));
          if (id % 25 === 0) for (let each = id - 24; each <= id; each++) await link.response(each);
        }
        link.send(request(60_000));
        assert.equal((await link.response(60_000)).status, 200);
      }
      const total = connections * requests;
      // At most maxRequestsPerConnection (100 by default) are kept, fewer of large requests.
      assert.ok(closed >= total - 100, `${total - closed} are open`);
      const grown = memoryUsed() - before;
      assert.ok(grown < 256 * MEBIBYTE, `${grown} bytes`);
    });
  }

  test("are let go after stdinTimeout, and their connection goes on", async (t) => {
    const { open, server } = await startServer(
      t,
      { ...OFTEN, stdinTimeout: 30 },
      (_req, res) => void res.end(),
    );
    const link = await open();
    const seen = once(server, "request");
    link.send(unended(1));
    await link.response(1);
    const [req] = (await seen) as [IncomingMessage];
    // events.once() would listen for `error`, too, and reject.
    if (!req.closed) await new Promise((resolve) => req.on("close", resolve));
    assert.equal(req.complete, false);
    link.send(wire.record(wire.STDIN, 1, "late"), wire.record(wire.STDIN, 1), request(1));
    assert.equal((await link.response(1)).status, 200);
  });

  test("end as in node:http when it ends after all", async (t) => {
    const { open, server } = await startServer(t, {}, (_req, res) => void res.end());
    const link = await open();
    const seen = once(server, "request");
    link.send(unended(1));
    await link.response(1);
    const [req] = (await seen) as [IncomingMessage];
    const closed = once(req, "close");
    link.send(wire.record(wire.STDIN, 1, "0123456789"), wire.record(wire.STDIN, 1));
    await closed;
    assert.equal(req.complete, true);
    assert.equal(req.readableAborted, false);
  });
});

describe("a request whose application reads on after its response", () => {
  /** Responds to the first piece of a body, and reads on. */
  const readOn = async (t: Parameters<typeof startServer>[0], options: Parameters<typeof startServer>[1]) => {
    const lengths: Promise<number>[] = [];
    const started = await startServer(t, options, (req, res) => {
      if (req.url === "/turn") {
        res.end();
        return;
      }
      if (req.url === "/destroy") {
        res.destroy();
        return;
      }
      let length = 0;
      lengths.push(
        new Promise((resolve) => {
          req.on("data", (chunk: Buffer) => {
            length += chunk.length;
            if (!res.writableEnded) res.end("accepted");
          });
          req.on("error", () => {}).on("close", () => resolve(length));
        }),
      );
    });
    return { ...started, lengths };
  };
  const begun = (id: number): Buffer =>
    Buffer.concat([unended(id, "/", { CONTENT_LENGTH: "10" }), wire.record(wire.STDIN, id, "x")]);

  test("counts towards maxRequests until its STDIN has ended", async (t) => {
    const { open, lengths } = await readOn(t, { maxRequests: 1 });
    const [link, other] = [await open(), await open()];
    link.send(begun(1));
    await link.response(1);
    other.send(request(1, { url: "/turn" }));
    assert.equal((await other.response(1)).status, 503);
    link.send(wire.record(wire.STDIN, 1, "123456789"), wire.record(wire.STDIN, 1));
    assert.equal(await lengths[0], 10);
    other.send(request(1, { url: "/turn" }));
    assert.equal((await other.response(1)).status, 200);
  });

  test("is aborted when as many others of its connection as may be open read on, too", async (t) => {
    const { open, lengths } = await readOn(t, { maxRequestsPerConnection: 3 });
    const link = await open();
    for (let id = 1; id <= 5; id++) {
      link.send(begun(id));
      await link.response(id);
    }
    assert.equal(await Promise.race(lengths), 1);
    link.send(request(6, { url: "/turn" }));
    assert.equal((await link.response(6)).status, 200);
  });

  test("is aborted by stdinTimeout when nothing more comes", async (t) => {
    const { open, lengths } = await readOn(t, { ...OFTEN, stdinTimeout: 30 });
    const link = await open();
    link.send(begun(1));
    await link.response(1);
    assert.equal(await lengths[0], 1);
    link.send(request(2, { url: "/turn" }));
    assert.equal((await link.response(2)).status, 200);
  });

  test("is not cut off by the failure of another request of its connection", async (t) => {
    const { open, lengths } = await readOn(t, {});
    const link = await open();
    link.send(begun(1));
    await link.response(1);
    link.send(request(2, { url: "/destroy" }));
    assert.equal((await link.response(2)).appStatus, 1);
    link.send(wire.record(wire.STDIN, 1, "123456789"), wire.record(wire.STDIN, 1));
    assert.equal(await lengths[0], 10);
  });

  test("is aborted by ABORT_REQUEST", async (t) => {
    const { open, lengths } = await readOn(t, {});
    const link = await open();
    link.send(begun(1));
    await link.response(1);
    link.send(wire.record(wire.ABORT_REQUEST, 1));
    assert.equal(await lengths[0], 1);
    link.send(request(1, { url: "/turn" }));
    assert.equal((await link.response(1)).status, 200);
  });
});

describe("requests that wait for the first byte of a body", () => {
  const options = { maxRequests: 2 };
  /** Neither length nor body. */
  const waiting = (id: number): Buffer => unended(id, "/waiting", {});

  test("are none of the maxRequests", async (t) => {
    const { open } = await startServer(t, options, (_req, res) => void res.end("hello"));
    const [link, other] = [await open(), await open()];
    link.send(waiting(1), waiting(2), request(9));
    assert.equal((await link.response(9)).status, 200);
    other.send(request(1));
    assert.equal((await other.response(1)).status, 200);
    link.send(wire.record(wire.STDIN, 1, "body"), wire.record(wire.STDIN, 1));
    assert.equal((await link.response(1)).status, 200);
  });

  test("are as many as maxRequests: the oldest gets 503", async (t) => {
    const { open } = await startServer(t, options, (_req, res) => void res.end("hello"));
    const [link, other] = [await open(), await open()];
    link.send(waiting(1), waiting(2));
    other.send(waiting(1));
    assert.equal((await link.response(1)).status, 503);
    for (const one of [link, other]) {
      const id = one === link ? 2 : 1;
      one.send(wire.record(wire.STDIN, id));
      assert.equal((await one.response(id)).status, 200);
    }
  });

  test("get 503 where maxRequests are open when their body comes", async (t) => {
    const { open } = await startServer(t, options, (req, res) => {
      if (req.url === "/waiting") res.end("hello");
    });
    const link = await open();
    link.send(waiting(1), head(2), head(3));
    link.send(wire.record(wire.STDIN, 1, "body"), wire.record(wire.STDIN, 1));
    assert.equal((await link.response(1)).status, 503);
    link.send(wire.record(wire.ABORT_REQUEST, 2), waiting(1), wire.record(wire.STDIN, 1));
    assert.equal((await link.response(1)).status, 200);
  });

  test("wait no longer than stdinTimeout, and leave their places", async (t) => {
    const { open } = await startServer(
      t,
      { ...OFTEN, maxRequests: 1, stdinTimeout: 30 },
      (_req, res) => void res.end(),
    );
    const link = await open();
    link.send(waiting(1));
    await link.closed();
    const other = await open();
    other.send(waiting(1), wire.record(wire.STDIN, 1));
    assert.equal((await other.response(1)).status, 200);
  });
});
