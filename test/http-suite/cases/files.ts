import assert from "node:assert/strict";
import { value } from "../client.ts";
import { send } from "../request.ts";
import type { AppName, Case, CaseContext } from "../target.ts";

/** The file's content. */
export const letters: string = "abcdefghijklmnopqrstuvwxyz".repeat(10);

const get = (t: CaseContext, path: string, ...fields: (readonly [string, string])[]) =>
  send(t, { path, fields });

/** What `sendFile` and the static middleware make of conditions and ranges; equal for both. */
function fileCases(what: string, path: string, apps: readonly AppName[]): Case[] {
  return [
    {
      name: `${what} sends a file with its validators`,
      apps,
      async run(t) {
        const answer = await get(t, path);
        assert.equal(answer.statusCode, 200);
        assert.equal(answer.body.toString(), letters);
        assert.match(value(answer, "content-type") ?? "", /^text\/plain/);
        assert.equal(value(answer, "content-length"), "260");
        assert.equal(value(answer, "accept-ranges"), "bytes");
        assert.ok(value(answer, "etag") && value(answer, "last-modified"));
      },
    },
    {
      name: `${what} answers HEAD with the length of the file`,
      apps,
      async run(t) {
        const answer = await send(t, { method: "HEAD", path });
        assert.equal(answer.statusCode, 200);
        assert.equal(value(answer, "content-length"), "260");
      },
    },
    {
      name: `${what} sends a range`,
      apps,
      async run(t) {
        const answer = await get(t, path, ["Range", "bytes=26-51"]);
        assert.equal(answer.statusCode, 206);
        assert.equal(value(answer, "content-range"), "bytes 26-51/260");
        assert.equal(answer.body.toString(), letters.slice(26, 52));
      },
    },
    {
      name: `${what} sends the last bytes`,
      apps,
      async run(t) {
        const answer = await get(t, path, ["Range", "bytes=-5"]);
        assert.equal(answer.statusCode, 206);
        assert.equal(answer.body.toString(), "vwxyz");
      },
    },
    {
      name: `${what} refuses a range outside of the file`,
      apps,
      async run(t) {
        const answer = await get(t, path, ["Range", "bytes=1000-"]);
        assert.equal(answer.statusCode, 416);
        assert.equal(value(answer, "content-range"), "bytes */260");
      },
    },
    {
      name: `${what} sends a range only if the file is still the same`,
      apps,
      async run(t) {
        const etag = value(await get(t, path), "etag") ?? "";
        const range = ["Range", "bytes=0-4"] as const;
        const other = await get(t, path, range, ["If-Range", '"other"']);
        assert.equal(other.statusCode, 200);
        assert.equal(other.body.toString(), letters);
        // A weak entity tag would do here as well: the middleware compares it weakly.
        assert.equal((await get(t, path, range, ["If-Range", etag])).statusCode, 206);
      },
    },
    {
      name: `${what} answers 304 to If-None-Match and If-Modified-Since`,
      apps,
      async run(t) {
        const whole = await get(t, path);
        const etag = value(whole, "etag") ?? "";
        const date = value(whole, "last-modified") ?? "";
        for (const condition of [["If-None-Match", etag] as const, ["If-Modified-Since", date] as const]) {
          const answer = await get(t, path, condition);
          assert.equal(answer.statusCode, 304, condition[0]);
          assert.equal(value(answer, "etag"), etag);
        }
        assert.equal((await get(t, path, ["If-None-Match", '"other"'])).statusCode, 200);
      },
    },
    {
      name: `${what} answers 412 to a condition that fails`,
      apps,
      async run(t) {
        assert.equal((await get(t, path, ["If-Match", '"other"'])).statusCode, 412);
      },
    },
  ];
}

export const files: readonly Case[] = [
  ...fileCases("res.sendFile", "/fw/send-file", ["express5", "express4"]),
  ...fileCases("the static middleware", "/fw/static/letters.txt", ["express5", "express4", "connect"]),
];
