import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readers } from "../app/late-body.ts";
import { pattern } from "../app/streams.ts";
import { newInspection, open, type RequestToSend, sendOn } from "../request.ts";
import type { Case, CaseContext } from "../target.ts";

/** Sends a body that the application reads after its response, and gives what it notes of it. */
async function readLate(t: CaseContext, by: string, body: Partial<RequestToSend>): Promise<string[]> {
  const inspection = newInspection(t);
  const path = inspection.path("late", `by=${encodeURIComponent(by)}`);
  const connection = await open(t);
  // node:http closes a connection that the client does not keep after the response, and whatever is on its way.
  const sent = sendOn(connection, t, { method: "POST", path, ...body }).catch(() => {});
  assert.equal((await connection.response()).body.toString(), "accepted");
  const { events } = await inspection.noted("over");
  connection.destroy();
  await sent;
  return events;
}

const whole = (body: Buffer): string[] => [
  `end ${body.length} ${createHash("sha256").update(body).digest("hex")}`,
  "over",
];

export const lateBodies: readonly Case[] = [
  {
    id: "late-bodies/length",
    name: "delivers a body of 1,000 bytes that is read after the response",
    tags: ["transport"],
    async run(t) {
      const body = pattern(1000);
      for (const by of Object.keys(readers))
        assert.deepEqual(await readLate(t, by, { body }), whole(body), by);
    },
  },
  {
    id: "late-bodies/chunked",
    name: "delivers a chunked body of 1,000 bytes that is read after the response",
    tags: ["transport"],
    async run(t) {
      const body = pattern(1000);
      for (const by of Object.keys(readers)) {
        assert.deepEqual(await readLate(t, by, { chunks: [body] }), whole(body), by);
      }
    },
  },
  {
    id: "late-bodies/1-mb",
    name: "delivers a body of 1 MB that is read after the response, or tells that it is cut off",
    tags: ["transport"],
    async run(t) {
      const body = pattern(1024 * 1024);
      const events = await readLate(t, "pipe", { body });
      // A web server that has the whole response may send no more of the body. Some keep the connection all the same,
      // and only stdinTimeout tells.
      if (events[0] !== "cut" || t.server === "node:http") assert.deepEqual(events, whole(body));
    },
  },
];
