import assert from "node:assert/strict";
import { pattern } from "../app/streams.ts";
import { newInspection, open, send, sendOn } from "../request.ts";
import type { Case } from "../target.ts";

const MEGABYTE = 1024 * 1024;

const lengths: readonly (readonly [what: string, length: number])[] = [
  ["1 byte", 1],
  ["64 KB", 64 * 1024],
  ["1 MB", MEGABYTE],
  ["10 MB", 10 * MEGABYTE],
];

export const streaming: readonly Case[] = [
  ...lengths.flatMap(([what, length]) =>
    ["Buffer", "string", "stream"].map(
      (as): Case => ({
        id: `streaming/${length}-${as}`,
        name: `sends ${what} from a ${as}`,
        async run(t) {
          const response = await send(t, { path: `/_/size?length=${length}&as=${as}` });
          assert.ok(response.complete);
          assert.equal(response.body.length, length);
          assert.ok(response.body.equals(pattern(length)), "bytes are lost or displaced");
        },
      }),
    ),
  ),
  {
    id: "streaming/flush-headers",
    name: "sends the head at flushHeaders, before there is a body",
    tags: ["transport", "waits"],
    async run(t) {
      const inspection = newInspection(t);
      const connection = await open(t);
      await sendOn(connection, t, { path: inspection.path("flushed") });
      const head = await connection.head();
      assert.equal(head.statusCode, 200);
      await inspection.release();
      let body = "";
      for await (const bytes of connection.body(head)) body += bytes;
      assert.equal(body, "late body");
      connection.destroy();
    },
  },
  {
    id: "streaming/server-sent-events",
    name: "sends server-sent events one by one, each before the next is written",
    tags: ["transport"],
    async run(t) {
      const inspection = newInspection(t);
      const connection = await open(t);
      await sendOn(connection, t, {
        path: inspection.path("events"),
        fields: [["Accept", "text/event-stream"]],
      });
      const head = await connection.head();
      const body = connection.body(head);
      let received = "";
      for (let event = 1; event <= 5; event++) {
        while (!received.endsWith(`data: ${event}\n\n`)) {
          const next = await body.next();
          assert.ok(!next.done, "the stream ended early");
          received += next.value;
        }
        await inspection.release();
      }
      for (let next = await body.next(); ; next = await body.next()) {
        if (next.done) {
          assert.ok(next.value, "the stream is not complete");
          break;
        }
        received += next.value;
      }
      assert.ok(received.endsWith("data: 5\n\ndata: end\n\n"));
      connection.destroy();
    },
  },
  {
    id: "streaming/20-mb",
    name: "sends 20 MB whole to a reader that pauses",
    tags: ["transport", "one-process"],
    async run(t) {
      const inspection = newInspection(t);
      const connection = await open(t);
      const total = 20 * MEGABYTE;
      await sendOn(connection, t, { path: inspection.path("download", `length=${total}`) });
      await inspection.noted("full");
      const response = await connection.response();
      assert.ok(response.complete);
      assert.equal(response.body.length, total);
      connection.destroy();
    },
  },
  {
    id: "streaming/200-mb",
    name: "sends 200 MB to a reader that pauses, in bounded memory",
    tags: ["one-process"],
    big: true,
    async run(t) {
      const inspection = newInspection(t);
      const total = 200 * MEGABYTE;
      const before = await inspection.memory();
      const connection = await open(t);
      await sendOn(connection, t, { path: inspection.path("download", `length=${total}`) });
      await inspection.noted("full");
      // Waits until the application writes no more.
      for (let [last, same] = [-1, 0]; same < 50; ) {
        const { figures } = await inspection.report();
        assert.ok(Number(figures.buffered) < 4 * MEGABYTE, `${figures.buffered} bytes wait in the response`);
        same = figures.written === last ? same + 1 : 0;
        last = Number(figures.written);
      }
      const held = (await inspection.memory()) - before;
      assert.ok(held < 64 * MEGABYTE, `memory grew by ${held} bytes`);
      const head = await connection.head();
      const body = connection.body(head);
      let length = 0;
      let next = await body.next();
      for (; !next.done; next = await body.next()) length += next.value.length;
      assert.ok(next.value, "the response is not complete");
      assert.equal(length, total);
      const kept = (await inspection.memory()) - before;
      assert.ok(kept < 64 * MEGABYTE, `memory grew by ${kept} bytes`);
      connection.destroy();
    },
  },
];
