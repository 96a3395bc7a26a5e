import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { type EventEmitter, once } from "node:events";
import { IncomingMessage, ServerResponse } from "node:http";
import { after, afterEach, before, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Link } from "../support/link.ts";
import { head, request } from "../support/request.ts";
import { startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";
import type { State } from "./failing-application.ts";
import { BODY, type Failure, failingApp, failures, rest, SECRET, urlOf } from "./failures.ts";

const FAILING = 1;
const OPEN = 2;
const NEXT = 3;

/** Begins a failing request and, on a kept connection, another one; then makes the first one fail. */
async function begin(link: Link, failure: Failure, keepConn: boolean): Promise<void> {
  const url = urlOf(failure);
  if (failure.isPaused) link.pause();
  const body = { method: "POST", body: BODY, keepConn } as const;
  if (keepConn) link.send(head(OPEN, body), wire.record(wire.STDIN, OPEN, BODY.slice(0, 4)));
  link.send(head(FAILING, { ...body, url }), wire.record(wire.STDIN, FAILING, BODY.slice(0, 4)));
}

function trigger(link: Link, failure: Failure, keepConn: boolean): void {
  // The next request is in the same chunk.
  const next = keepConn ? [rest(OPEN), request(NEXT)] : [];
  if (failure.trigger === undefined) link.send(rest(FAILING), ...next);
  else {
    failure.trigger(link, FAILING);
    link.send(...next);
  }
}

async function checkNeighbours(link: Link): Promise<void> {
  for (const id of [OPEN, NEXT]) {
    const response = await link.response(id);
    assert.deepEqual([response.status, response.text], [200, "hello"]);
  }
}

async function checkOutcome(link: Link, failure: Failure, keepConn: boolean): Promise<void> {
  if (failure.outcome === "cut" && !keepConn) {
    await link.closed();
    assert.equal(link.hasEnded(FAILING), false);
    return;
  }
  const response = await link.response(FAILING);
  assert.ok(!response.stdout.includes(SECRET));
  if (failure.outcome === "cut") {
    assert.equal(response.appStatus, 1);
  } else if (failure.outcome !== "none") {
    assert.equal(response.status, failure.outcome);
    assert.equal(response.text, failure.outcome === 200 ? "hello" : "Internal Server Error\n");
    assert.deepEqual(response.field("set-cookie"), []);
  }
}

/** Tells that the failing request has arrived: a listener of `request` that comes later does not hear it if this throws. */
function app(this: EventEmitter, req: IncomingMessage, res: ServerResponse): unknown {
  if (req.url?.startsWith("/fail/")) this.emit("received");
  return failingApp(req, res as Parameters<typeof failingApp>[1]);
}

for (const failure of failures.filter(({ isUncaught }) => !isUncaught)) {
  describe(`where ${failure.name} throws`, () => {
    test("the request alone fails, its neighbours get their responses, and requestError tells it", async (t) => {
      // Three slots: one that is not given back turns a later request away.
      const { server, open } = await startServer(t, { maxRequests: 3 }, app);
      const link = await open();
      for (let round = 0; round < 3; round++) {
        const heard = once(server, "requestError");
        const received = once(server, "received");
        await begin(link, failure, true);
        await received;
        for (let turn = 0; turn < 5; turn++) await setImmediate();
        trigger(link, failure, true);
        await checkOutcome(link, failure, true);
        await checkNeighbours(link);
        const [error, req, res] = await heard;
        assert.equal(error.message, SECRET);
        assert.ok(req instanceof IncomingMessage && res instanceof ServerResponse);
      }
    });

    test("on a connection for one request the slot and the connection are given back", async (t) => {
      const { server, open } = await startServer(t, { maxRequests: 1, lingerTimeout: 50 }, app);
      for (let round = 0; round < 2; round++) {
        const heard = once(server, "requestError");
        const received = once(server, "received");
        const link = await open();
        await begin(link, failure, false);
        await received;
        for (let turn = 0; turn < 5; turn++) await setImmediate();
        trigger(link, failure, false);
        await checkOutcome(link, failure, false);
        await heard;
        link.finish();
        await link.closed();
      }
      const link = await open();
      link.send(request(1));
      assert.equal((await link.response(1)).status, 200);
    });
  });
}

describe("a process with an uncaughtException handler", () => {
  let child: ChildProcess;
  let port: number;
  const links: Link[] = [];
  before(async () => {
    child = fork(fileURLToPath(new URL("failing-application.ts", import.meta.url)), {
      execArgv: ["--import", "tsx"],
    });
    await once(child, "message");
    port = (await state()).port;
  });
  afterEach(() => {
    for (const link of links.splice(0)) link.destroy();
  });
  after(() => child.kill());

  async function state(): Promise<State> {
    child.send("state");
    const [message] = (await once(child, "message")) as [State];
    return message;
  }
  async function open(): Promise<Link> {
    const link = await Link.open({ host: "127.0.0.1", port }, 10_000);
    links.push(link);
    return link;
  }
  /** Asks until the process is in a state. */
  async function settled(isSettled: (now: State) => boolean): Promise<State> {
    for (const deadline = AbortSignal.timeout(10_000); ; ) {
      const now = await state();
      if (isSettled(now)) return now;
      assert.ok(!deadline.aborted, `not in 10 s: ${JSON.stringify(now)}`);
    }
  }

  for (const failure of failures) {
    test(`goes on where ${failure.name} throws: no slot, connection or listener is lost`, async () => {
      const kept = await open();
      kept.send(request(1));
      await kept.response(1);
      for (const keepConn of [true, false]) {
        const start = await settled(({ connections }) => connections === 1);
        const link = keepConn ? kept : await open();
        await begin(link, failure, keepConn);
        const { received } = start;
        await settled((now) => now.received > received);
        // What its listeners have set in motion has come to rest.
        await state();
        trigger(link, failure, keepConn);
        if (keepConn) await checkNeighbours(link);
        // Nothing responds to what failed unseen: the web server gives it up in the end.
        if (failure.outcome === "none" && failure.trigger === undefined) {
          await settled((now) => now.uncaught.length > start.uncaught.length);
          link.send(wire.record(wire.ABORT_REQUEST, FAILING));
        }
        await checkOutcome(link, failure, keepConn);
        if (!keepConn) link.finish();
        const end = await settled(
          ({ connections, listeners }) => connections === 1 && listeners === start.listeners,
        );
        const uncaught = end.uncaught.slice(start.uncaught.length);
        const heard = end.heard.slice(start.heard.length);
        assert.deepEqual([...new Set(uncaught)], failure.isUncaught ? [SECRET] : []);
        assert.deepEqual(
          [...new Set(heard)],
          failure.isUncaught && failure.outcome === "none" ? [] : [SECRET],
        );
      }
      // All three slots are free.
      const body = { method: "POST", body: BODY };
      kept.send(head(FAILING, body), head(OPEN, body), request(NEXT));
      assert.equal((await kept.response(NEXT)).status, 200);
      kept.destroy();
      await settled(({ connections }) => connections === 0);
    });
  }
});
