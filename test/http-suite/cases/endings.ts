import assert from "node:assert/strict";
import { pattern } from "../app/streams.ts";
import type { Connection } from "../client.ts";
import { newInspection, open, requestHead, send, sendForEcho, sendOn } from "../request.ts";
import type { Case, CaseContext } from "../target.ts";

const MEGABYTE = 1024 * 1024;

/** Runs a behaviour that writes half of a response and breaks off when released; the client must notice. */
async function assertBrokenOff(t: CaseContext, behaviour: string): Promise<void> {
  const inspection = newInspection(t);
  const connection = await open(t);
  await sendOn(connection, t, { path: inspection.path(behaviour) });
  const releasing = inspection.release();
  // A web server may send an error instead of half a response.
  const response = await connection.response().catch(() => undefined);
  await releasing;
  if (response && response.statusCode < 500)
    assert.equal(response.complete, false, "half a response looks whole");
  connection.destroy();
  assert.equal((await sendForEcho(t, { path: "/after" })).url, "/after");
}

/** Sends a request, disconnects the client at a given moment, and returns the events of the application. */
async function eventsWhenGone(
  t: CaseContext,
  behaviour: string,
  send: (connection: Connection, path: string) => Promise<void>,
  { query = "events", started = "started" } = {},
): Promise<string[]> {
  const inspection = newInspection(t);
  const connection = await open(t);
  await send(connection, inspection.path(behaviour, query));
  await inspection.noted(started);
  connection.destroy();
  for (const event of gone) {
    await inspection.noted(event).catch(() => assert.fail(`no ${event}`));
  }
  return (await inspection.report()).events.filter((event) => /^(req|res|socket) /.test(event));
}

/** What node:http emits then, in its order. */
const gone = ["req aborted", "res close", "socket close", "req error ECONNRESET", "req close"];

const brokenOff: readonly (readonly [what: string, behaviour: string])[] = [
  ["res.destroy()", "destroy-res"],
  ["res.destroy(error)", "destroy-res-error"],
  ["req.destroy()", "destroy-req"],
  ["req.socket.destroy()", "destroy-socket"],
  ["res.destroy() short of its Content-Length", "destroy-short"],
];

export const endings: readonly Case[] = [
  ...brokenOff.map(
    ([what, behaviour]): Case => ({
      id: `endings/${behaviour}`,
      name: `does not let a response look whole that ends with ${what}`,
      tags: ["transport", "one-process"],
      run: (t) => assertBrokenOff(t, behaviour),
    }),
  ),
  {
    id: "endings/destroy-unsent",
    name: "gives no success when the application destroys a response that it has not begun",
    tags: ["transport"],
    async run(t) {
      const response = await send(t, { path: "/_/destroy-unsent" }).catch(() => undefined);
      if (response) assert.ok(response.statusCode >= 500, `status ${response.statusCode}`);
      assert.equal((await sendForEcho(t, { path: "/after" })).url, "/after");
    },
  },
  {
    id: "endings/throws",
    name: "responds with 500 without the message when a handler throws before the head",
    tags: ["transport", "one-process"],
    fastcgiOnly: true,
    apps: ["plain"],
    async run(t) {
      const response = await send(t, { path: "/_/throw-before" });
      assert.equal(response.statusCode, 500);
      assert.ok(!response.body.includes("secret"));
      assert.equal((await sendForEcho(t, { path: "/after" })).url, "/after");
    },
  },
  {
    id: "endings/rejects",
    name: "responds with 500 without the message when a handler rejects before the head",
    tags: ["transport", "one-process"],
    fastcgiOnly: true,
    apps: ["plain"],
    async run(t) {
      const response = await send(t, { path: "/_/reject-before" });
      assert.equal(response.statusCode, 500);
      assert.ok(!response.body.includes("secret"));
    },
  },
  {
    id: "endings/throws-after-head",
    name: "does not let a response look whole whose handler throws after the head",
    tags: ["transport", "one-process"],
    fastcgiOnly: true,
    apps: ["plain"],
    run: (t) => assertBrokenOff(t, "throw-after"),
  },
  {
    id: "endings/rejects-after-head",
    name: "does not let a response look whole whose handler rejects after the head",
    tags: ["transport", "one-process"],
    fastcgiOnly: true,
    apps: ["plain"],
    run: (t) => assertBrokenOff(t, "reject-after"),
  },
  {
    id: "endings/throws-in-framework",
    name: "responds with what the framework makes of a handler that throws",
    apps: ["express5", "express4", "connect"],
    async run(t) {
      assert.equal((await send(t, { path: "/_/throw-before" })).statusCode, 500);
    },
  },
  {
    id: "endings/throws-after-head-in-framework",
    name: "does not let a response look whole whose handler throws after the head, in a framework",
    tags: ["transport", "one-process"],
    apps: ["express5", "express4", "connect"],
    run: (t) => assertBrokenOff(t, "throw-after"),
  },
  {
    id: "endings/client-gone",
    name: "tells the application that the client is gone before the response",
    tags: ["transport", "waits"],
    async run(t) {
      const events = await eventsWhenGone(t, "silent", (connection, path) => sendOn(connection, t, { path }));
      assert.deepEqual(events, gone);
    },
  },
  {
    id: "endings/client-gone-upload",
    name: "tells the application that the client is gone in the middle of an upload",
    tags: ["transport", "waits"],
    async run(t) {
      const events = await eventsWhenGone(
        t,
        "received",
        async (connection, path) => {
          const fields = [["Content-Length", String(MEGABYTE)]] as const;
          await connection.write(requestHead(t, { method: "POST", path, fields }));
          await connection.write(pattern(1000));
        },
        { started: "data" },
      );
      assert.deepEqual(events, gone);
    },
  },
  {
    id: "endings/client-gone-download",
    name: "tells the application that the client is gone in the middle of a download",
    tags: ["transport", "waits"],
    async run(t) {
      const events = await eventsWhenGone(
        t,
        "download",
        (connection, path) => sendOn(connection, t, { path }),
        { query: `length=${400 * MEGABYTE}&events`, started: "full" },
      );
      assert.deepEqual(events, gone);
    },
  },
  {
    id: "endings/413-early",
    name: "responds with 413 to an upload of 8 MB before the body is there",
    tags: ["transport"],
    async run(t) {
      const connection = await open(t);
      const body = pattern(8 * MEGABYTE);
      const fields = [["Content-Length", String(body.length)]] as const;
      await connection.write(requestHead(t, { method: "POST", path: "/_/refused", fields }, true));
      const responding = connection.response();
      // The server may close the connection after its response, without the rest of the body.
      await connection.write(body).catch(() => undefined);
      const response = await responding;
      assert.equal(response.statusCode, 413);
      assert.equal(response.body.toString(), "too large");
      connection.destroy();
    },
  },
  {
    id: "endings/413-held-back",
    name: "responds with 413 while the client still holds back the body",
    tags: ["transport", "waits"],
    async run(t) {
      const connection = await open(t);
      const fields = [["Content-Length", "100000"]] as const;
      await connection.write(requestHead(t, { method: "POST", path: "/_/refused", fields }, true));
      assert.equal((await connection.response()).statusCode, 413);
      connection.destroy();
    },
  },
  {
    id: "endings/client-reset",
    name: "survives a client that resets the connection after the request",
    tags: ["transport"],
    async run(t) {
      const inspection = newInspection(t);
      const connection = await open(t);
      await sendOn(connection, t, { path: inspection.path("held", "events") });
      connection.reset();
      await inspection.release();
      assert.equal((await sendForEcho(t, { path: "/after" })).url, "/after");
    },
  },
];
