import assert from "node:assert/strict";
import { gunzipSync, gzipSync } from "node:zlib";
import { pattern } from "../app/streams.ts";
import { value, values } from "../client.ts";
import { type RequestToSend, send, sendForJSON } from "../request.ts";
import type { AppName, Case, CaseContext } from "../target.ts";
import { letters } from "./files.ts";

const express: readonly AppName[] = ["express5", "express4"];
const all: readonly AppName[] = ["express5", "express4", "connect"];
const JSON_TYPE = ["Content-Type", "application/json"] as const;
const FORM_TYPE = ["Content-Type", "application/x-www-form-urlencoded"] as const;

const get = (t: CaseContext, path: string, ...fields: (readonly [string, string])[]) =>
  send(t, { path, fields });

/** A form with one text field and one file, as browsers send it. */
function multipart(file: Buffer): Required<Pick<RequestToSend, "fields" | "body">> {
  const part = (head: string) => `--boundary\r\nContent-Disposition: form-data; ${head}\r\n\r\n`;
  return {
    fields: [["Content-Type", "multipart/form-data; boundary=boundary"]],
    body: Buffer.concat([
      Buffer.from(`${part('name="title"')}a title\r\n${part('name="file"; filename="big.bin"')}`),
      file,
      Buffer.from("\r\n--boundary--\r\n"),
    ]),
  };
}

export const frameworks: readonly Case[] = [
  {
    id: "frameworks/static-outside",
    name: "the static middleware responds with 404 for a path outside of its folder",
    apps: all,
    async run(t) {
      const { statusCode } = await get(t, "/fw/static/%2e%2e/target.ts");
      assert.ok([400, 403, 404].includes(statusCode), `status ${statusCode}`);
    },
  },
  {
    id: "frameworks/download",
    name: "res.download names the file",
    tags: ["one-process"],
    apps: express,
    async run(t) {
      const response = await get(t, "/fw/download");
      assert.equal(value(response, "content-disposition"), 'attachment; filename="the letters.txt"');
      assert.equal(response.body.toString(), letters);
    },
  },
  {
    id: "frameworks/json",
    name: "express.json() parses a body with Content-Length",
    tags: ["transport", "one-process"],
    apps: all,
    async run(t) {
      const request = { method: "POST", path: "/fw/json", fields: [JSON_TYPE], body: '{"a":[1,"\u20ac"]}' };
      assert.deepEqual(await sendForJSON(t, request), { body: { a: [1, "\u20ac"] } });
    },
  },
  {
    id: "frameworks/json-chunked",
    name: "express.json() parses a chunked body",
    tags: ["transport", "one-process"],
    apps: all,
    async run(t) {
      const request = { method: "POST", path: "/fw/json", fields: [JSON_TYPE], chunks: ['{"a":', "1}"] };
      assert.deepEqual(await sendForJSON(t, request), { body: { a: 1 } });
    },
  },
  {
    id: "frameworks/json-gzip",
    name: "express.json() inflates a body",
    tags: ["transport", "one-process"],
    apps: all,
    async run(t) {
      const fields = [JSON_TYPE, ["Content-Encoding", "gzip"] as const];
      const request = { method: "POST", path: "/fw/json", fields, body: gzipSync('{"a":1}') };
      assert.deepEqual(await sendForJSON(t, request), { body: { a: 1 } });
    },
  },
  {
    id: "frameworks/json-invalid",
    name: "express.json() refuses what is no JSON",
    tags: ["transport", "one-process"],
    apps: all,
    async run(t) {
      const request = { method: "POST", path: "/fw/json", fields: [JSON_TYPE], body: '{"a"' };
      assert.equal((await send(t, request)).statusCode, 400);
    },
  },
  {
    id: "frameworks/json-limit",
    name: "express.json() refuses a body over its limit",
    tags: ["transport", "one-process"],
    apps: all,
    async run(t) {
      const body = JSON.stringify("a".repeat(1_200_000));
      const request = { method: "POST", path: "/fw/json", fields: [JSON_TYPE], body };
      assert.equal((await send(t, request)).statusCode, 413);
    },
  },
  {
    id: "frameworks/json-no-body",
    name: "express.json() leaves a request without a body alone",
    tags: ["transport", "one-process"],
    apps: all,
    async run(t) {
      // Express 5 leaves req.body undefined, Express 4 makes it an empty object.
      const { body } = await sendForJSON<{ body: unknown }>(t, { path: "/fw/json", fields: [JSON_TYPE] });
      assert.deepEqual(body ?? {}, {});
    },
  },
  {
    id: "frameworks/urlencoded",
    name: "express.urlencoded() parses a form",
    tags: ["one-process"],
    apps: all,
    async run(t) {
      const body = "a=1&b=two+words&c=%E2%82%AC";
      const request = { method: "POST", path: "/fw/urlencoded", fields: [FORM_TYPE], body };
      assert.deepEqual(await sendForJSON(t, request), { body: { a: "1", b: "two words", c: "\u20ac" } });
    },
  },
  {
    id: "frameworks/text",
    name: "express.text() parses a text in its charset",
    tags: ["one-process"],
    apps: all,
    async run(t) {
      const fields = [["Content-Type", "text/plain; charset=iso-8859-1"]] as const;
      const request = { method: "PUT", path: "/fw/text", fields, body: Buffer.from([0xe9]) };
      assert.deepEqual(await sendForJSON(t, request), { body: "\u00e9" });
    },
  },
  {
    id: "frameworks/multer-20-mb",
    name: "multer takes a file of 20 MB",
    tags: ["transport", "one-process"],
    apps: all,
    async run(t) {
      const size = 20 * 1024 * 1024;
      const request = { method: "POST", path: "/fw/multipart", ...multipart(pattern(size)) };
      const report = await sendForJSON(t, request);
      assert.deepEqual(report, { size, name: "big.bin", body: { title: "a title" } });
    },
  },
  {
    id: "frameworks/multer-chunked",
    name: "multer takes a chunked form",
    tags: ["transport", "one-process"],
    apps: all,
    async run(t) {
      const { fields, body } = multipart(pattern(1000));
      const request = { method: "POST", path: "/fw/multipart", fields, chunks: [body] };
      assert.deepEqual(await sendForJSON(t, request), {
        size: 1000,
        name: "big.bin",
        body: { title: "a title" },
      });
    },
  },
  {
    id: "frameworks/cookie-parser",
    name: "cookie-parser reads several cookies",
    apps: all,
    async run(t) {
      const fields = [
        ["Cookie", "a=1; b=%20"],
        ["Cookie", "c=3"],
      ] as const;
      assert.deepEqual(await sendForJSON(t, { path: "/fw/cookies", fields }), { a: "1", b: " ", c: "3" });
    },
  },
  {
    id: "frameworks/compression",
    name: "compression compresses",
    apps: all,
    async run(t) {
      const response = await get(t, "/fw/compressed", ["Accept-Encoding", "gzip"]);
      assert.equal(value(response, "content-encoding"), "gzip");
      assert.match(values(response, "vary").join(), /accept-encoding/i);
      assert.ok(response.body.length < 50_000);
      assert.ok(gunzipSync(response.body).equals(pattern(100_000)));
    },
  },
  {
    id: "frameworks/compression-refused",
    name: "compression leaves a response alone where the client takes none",
    apps: all,
    async run(t) {
      const response = await get(t, "/fw/compressed");
      assert.equal(value(response, "content-encoding"), undefined);
      assert.ok(response.body.equals(pattern(100_000)));
    },
  },
  {
    id: "frameworks/mounted",
    name: "middleware mounted under a path sees the rest of the URL",
    apps: all,
    async run(t) {
      const seen = await sendForJSON(t, { path: "/fw/mounted/a%2Fb?c=1" });
      assert.deepEqual(seen, { url: "/a%2Fb?c=1", originalUrl: "/fw/mounted/a%2Fb?c=1" });
    },
  },
  {
    id: "frameworks/next-error",
    name: "the framework responds with the status of an error given to next",
    apps: all,
    async run(t) {
      assert.equal((await get(t, "/fw/error")).statusCode, 403);
    },
  },
  {
    id: "frameworks/404",
    name: "the framework responds with 404 where no route matches",
    apps: all,
    async run(t) {
      assert.equal((await get(t, "/fw/nothing-here")).statusCode, 404);
    },
  },
  {
    id: "frameworks/404-post",
    name: "the framework responds with 404 to a POST of 1 MB that no route reads",
    apps: all,
    async run(t) {
      const request = { method: "POST", path: "/fw/nothing-here", body: pattern(1024 * 1024) };
      assert.equal((await send(t, request)).statusCode, 404);
    },
  },
  {
    id: "frameworks/redirect",
    name: "res.redirect sends Location as it is",
    tags: ["transport", "one-process"],
    apps: express,
    async run(t) {
      const found = await get(t, "/fw/redirect");
      assert.equal(found.statusCode, 302);
      assert.equal(value(found, "location"), "/elsewhere?a=1");
      const moved = await get(t, "/fw/redirect-permanent");
      assert.equal(moved.statusCode, 301);
      assert.equal(value(moved, "location"), "http://other.example/");
    },
  },
  {
    id: "frameworks/cookie",
    name: "res.cookie sends each cookie in a field of its own",
    tags: ["one-process"],
    apps: express,
    async run(t) {
      const cookies = values(await get(t, "/fw/cookie"), "set-cookie");
      assert.equal(cookies.length, 3);
      assert.equal(cookies[0], "plain=a%20b; Path=/");
      assert.equal(cookies[1], "strict=1; Path=/; HttpOnly; SameSite=Strict");
      assert.match(cookies[2] ?? "", /^old=; /);
    },
  },
  {
    id: "frameworks/etag",
    name: "res.send responds with 304 to its own entity tag",
    tags: ["one-process"],
    apps: express,
    async run(t) {
      const response = await get(t, "/fw/etag");
      assert.equal(response.body.toString(), "a response with an entity tag");
      const again = await get(t, "/fw/etag", ["If-None-Match", value(response, "etag") ?? ""]);
      assert.equal(again.statusCode, 304);
      assert.equal(again.body.length, 0);
    },
  },
  {
    id: "frameworks/send-status-204",
    name: "res.sendStatus(204) sends no body",
    tags: ["one-process"],
    apps: express,
    async run(t) {
      const response = await get(t, "/fw/status");
      assert.equal(response.statusCode, 204);
      assert.equal(value(response, "content-type"), undefined);
    },
  },
  {
    id: "frameworks/format",
    name: "res.format follows Accept",
    tags: ["one-process"],
    apps: express,
    async run(t) {
      const accepting = async (type: string) =>
        (await get(t, "/fw/format", ["Accept", type])).body.toString();
      assert.equal(await accepting("application/json"), '{"format":"json"}');
      assert.equal(await accepting("text/plain"), "text");
      assert.equal((await get(t, "/fw/format", ["Accept", "image/png"])).statusCode, 406);
    },
  },
  {
    id: "frameworks/route-parameters",
    name: "a route gets its parameters decoded",
    apps: express,
    async run(t) {
      const seen = await sendForJSON(t, { method: "PATCH", path: "/fw/params/a%2Fb%20c?x=1&y=2" });
      assert.deepEqual(seen, { name: "a/b c", query: { x: "1", y: "2" } });
    },
  },
  {
    id: "frameworks/express5-rejects",
    name: "Express 5 responds with 500 to a handler that rejects",
    apps: ["express5"],
    async run(t) {
      assert.equal((await get(t, "/fw/rejected")).statusCode, 500);
    },
  },
];
