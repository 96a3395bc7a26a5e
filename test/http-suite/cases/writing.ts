import assert from "node:assert/strict";
import { newInspection, open, send, sendOn } from "../request.ts";
import type { Case, CaseContext } from "../target.ts";

/** Sends a request, waits for the event `last`, and returns the response's body and all events. */
async function runBehaviour(t: CaseContext, behaviour: string, last?: string, query = "") {
  const inspection = newInspection(t);
  const response = await send(t, { path: inspection.path(behaviour, query) });
  assert.equal(response.statusCode, 200);
  assert.ok(response.complete);
  const { events } = last ? await inspection.noted(last) : await inspection.report();
  return { body: response.body.toString("latin1"), events };
}

const endForms: readonly (readonly [id: string, form: string, body: string])[] = [
  ["nothing", "nothing", ""],
  ["string", "string", "body"],
  ["buffer", "buffer", "body"],
  ["array", "array", "body"],
  ["encoding", "encoding", "body"],
  ["callback", "callback", ""],
  ["string-callback", "string and callback", "body"],
  ["string-encoding-callback", "string, encoding and callback", "body"],
];

/** What `ServerResponse` offers around `write` and `end`. */
export const writing: readonly Case[] = [
  ...endForms.map(
    ([id, form, expected]): Case => ({
      id: `writing/end-${id}`,
      name: `ends a response with ${form}`,
      async run(t) {
        const called = form.includes("callback") ? "called" : undefined;
        const { body } = await runBehaviour(t, "end-forms", called, `form=${encodeURIComponent(form)}`);
        assert.equal(body, expected);
      },
    }),
  ),
  {
    id: "writing/encodings",
    name: "writes strings in the encodings asked for",
    async run(t) {
      const bytes = Buffer.concat([Buffer.from([0xe9]), Buffer.from("\u00e9\u00e9\u00e9")]);
      assert.equal((await runBehaviour(t, "encodings")).body, bytes.toString("latin1"));
    },
  },
  {
    id: "writing/callbacks",
    name: "calls the callbacks of write and end in order",
    async run(t) {
      const { body, events } = await runBehaviour(t, "callbacks", "finish event");
      assert.equal(body, "123");
      assert.deepEqual(events, ["first", "second", "end", "finish event"]);
    },
  },
  {
    id: "writing/flags",
    name: "keeps headersSent, writableEnded and writableFinished as node:http does",
    async run(t) {
      const { events } = await runBehaviour(t, "flags", "finished: true");
      assert.deepEqual(events, [
        "new: ",
        "written: headersSent",
        "ended: headersSent,writableEnded",
        "finished: true",
      ]);
    },
  },
  {
    id: "writing/corked",
    name: "sends what was corked",
    async run(t) {
      assert.equal((await runBehaviour(t, "corked")).body, "abcdefg");
    },
  },
  ...["long", "short"].map(
    (how): Case => ({
      id: `writing/strict-too-${how}`,
      name: `refuses a body that is too ${how} for a strict Content-Length`,
      tags: ["transport", "one-process"],
      async run(t) {
        const inspection = newInspection(t);
        const response = await send(t, { path: inspection.path("strict-length", `how=${how}`) }).catch(
          () => undefined,
        );
        if (response && response.statusCode < 500) assert.equal(response.complete, false);
        // A web server may repeat a GET that got no response.
        const events = new Set((await inspection.report()).events);
        assert.deepEqual([...events], ["ERR_HTTP_CONTENT_LENGTH_MISMATCH"]);
      },
    }),
  ),
  {
    id: "writing/write-after-end",
    name: "reports a write after the end, and sends nothing of it",
    async run(t) {
      const last = "error ERR_STREAM_WRITE_AFTER_END";
      const { body, events } = await runBehaviour(t, "write-after-end", last);
      assert.equal(body, "ended");
      assert.deepEqual(events, ["callback ERR_STREAM_WRITE_AFTER_END", last]);
    },
  },
  {
    id: "writing/set-timeout",
    name: "tells by setTimeout that a response takes long, and lets it end",
    tags: ["transport", "one-process"],
    async run(t) {
      assert.equal((await runBehaviour(t, "timeout", "timeout")).body, "timed out");
    },
  },
  {
    id: "writing/drain",
    name: "asks the application to wait and emits drain when the client reads on",
    tags: ["transport"],
    async run(t) {
      const inspection = newInspection(t);
      const connection = await open(t);
      await sendOn(connection, t, { path: inspection.path("drain") });
      const full = await inspection.noted("full");
      const response = await connection.response();
      const text = `chunks ${full.figures.chunks}`;
      assert.equal(response.body.length, Number(full.figures.chunks) * 64 * 1024 + text.length);
      assert.ok(response.body.toString("latin1").endsWith(text));
      connection.destroy();
    },
  },
  {
    id: "writing/finish-close",
    name: "emits finish before close, once each",
    async run(t) {
      const { events } = await runBehaviour(t, "own-length", "res close", "events");
      assert.deepEqual(
        events.filter((event) => event.startsWith("res ")),
        ["res finish", "res close"],
      );
    },
  },
  {
    id: "writing/request-end-close",
    name: "emits end and close on a request whose body was read",
    async run(t) {
      const inspection = newInspection(t);
      const path = inspection.path("body", "events");
      assert.equal((await send(t, { method: "POST", path, body: "body" })).statusCode, 200);
      const { events } = await inspection.noted("res close");
      assert.deepEqual(
        events.filter((event) => event.startsWith("req ")),
        ["req end", "req close"],
      );
    },
  },
];
