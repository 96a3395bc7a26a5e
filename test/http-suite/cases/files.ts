import assert from "node:assert/strict";
import { value } from "../client.ts";
import { send } from "../request.ts";
import type { AppName, Case, CaseContext, Tag } from "../target.ts";

/** The file's content. */
export const letters: string = "abcdefghijklmnopqrstuvwxyz".repeat(10);

const get = (t: CaseContext, path: string, ...fields: (readonly [string, string])[]) =>
  send(t, { path, fields });

/** What `sendFile` and the static middleware make of conditions and ranges; equal for both. */
function fileCases(
  id: string,
  what: string,
  path: string,
  apps: readonly AppName[],
  tags: readonly Tag[] = [],
): Case[] {
  return [
    {
      id: `files/${id}/validators`,
      name: `${what} sends a file with its validators`,
      tags,
      apps,
      async run(t) {
        const response = await get(t, path);
        assert.equal(response.statusCode, 200);
        assert.equal(response.body.toString(), letters);
        assert.match(value(response, "content-type") ?? "", /^text\/plain/);
        assert.equal(value(response, "content-length"), "260");
        assert.equal(value(response, "accept-ranges"), "bytes");
        assert.ok(value(response, "etag") && value(response, "last-modified"));
      },
    },
    {
      id: `files/${id}/head`,
      name: `${what} responds to HEAD with the length of the file`,
      tags,
      apps,
      async run(t) {
        const response = await send(t, { method: "HEAD", path });
        assert.equal(response.statusCode, 200);
        assert.equal(value(response, "content-length"), "260");
      },
    },
    {
      id: `files/${id}/range`,
      name: `${what} sends a range`,
      tags,
      apps,
      async run(t) {
        const response = await get(t, path, ["Range", "bytes=26-51"]);
        assert.equal(response.statusCode, 206);
        assert.equal(value(response, "content-range"), "bytes 26-51/260");
        assert.equal(response.body.toString(), letters.slice(26, 52));
      },
    },
    {
      id: `files/${id}/last-bytes`,
      name: `${what} sends the last bytes`,
      tags,
      apps,
      async run(t) {
        const response = await get(t, path, ["Range", "bytes=-5"]);
        assert.equal(response.statusCode, 206);
        assert.equal(response.body.toString(), "vwxyz");
      },
    },
    {
      id: `files/${id}/range-outside`,
      name: `${what} refuses a range outside of the file`,
      tags,
      apps,
      async run(t) {
        const response = await get(t, path, ["Range", "bytes=1000-"]);
        assert.equal(response.statusCode, 416);
        assert.equal(value(response, "content-range"), "bytes */260");
      },
    },
    {
      id: `files/${id}/if-range`,
      name: `${what} sends a range only if the file is still the same`,
      tags,
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
      id: `files/${id}/304`,
      name: `${what} responds with 304 to If-None-Match and If-Modified-Since`,
      tags,
      apps,
      async run(t) {
        const whole = await get(t, path);
        const etag = value(whole, "etag") ?? "";
        const date = value(whole, "last-modified") ?? "";
        for (const condition of [["If-None-Match", etag] as const, ["If-Modified-Since", date] as const]) {
          const response = await get(t, path, condition);
          assert.equal(response.statusCode, 304, condition[0]);
          assert.equal(value(response, "etag"), etag);
        }
        assert.equal((await get(t, path, ["If-None-Match", '"other"'])).statusCode, 200);
      },
    },
    {
      id: `files/${id}/412`,
      name: `${what} responds with 412 to a condition that fails`,
      tags,
      apps,
      async run(t) {
        assert.equal((await get(t, path, ["If-Match", '"other"'])).statusCode, 412);
      },
    },
  ];
}

export const files: readonly Case[] = [
  ...fileCases(
    "send-file",
    "res.sendFile",
    "/fw/send-file",
    ["express5", "express4"],
    ["transport", "one-process"],
  ),
  ...fileCases("static", "the static middleware", "/fw/static/letters.txt", [
    "express5",
    "express4",
    "connect",
  ]),
];
