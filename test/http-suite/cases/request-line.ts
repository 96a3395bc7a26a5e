import assert from "node:assert/strict";
import { value } from "../client.ts";
import { newInspection, open, requestHead, send, sendForEcho } from "../request.ts";
import type { Case } from "../target.ts";

/** Request targets that servers and proxies often normalize. The application must get them unchanged. */
const targets: readonly (readonly [id: string, what: string, target: string])[] = [
  ["query", "a query", "/path?a=1&b=2"],
  ["empty-query", "an empty query", "/path?"],
  ["question-mark", "a question mark in the query", "/path?a=b?c=d"],
  ["encoded-slash", "an encoded slash", "/a%2Fb/c%2fd"],
  ["encoded-question-mark", "an encoded question mark and hash", "/a%3Fb%23c"],
  ["encoded-percent", "an encoded percent sign", "/100%25/%2525"],
  ["encoded-backslash", "an encoded backslash", "/a%5Cb"],
  ["double-slash", "a double slash", "/double//slash"],
  ["double-slash-first", "a double slash at the start", "//double/start"],
  ["semicolons", "semicolons", "/a;p=1/b;q?c;d"],
  ["encoded-utf8", "encoded UTF-8", "/caf%C3%A9?q=%E2%82%AC"],
  ["dot-segments", "dot segments", "/a/./b/../c"],
  ["encoded-dot-segments", "encoded dot segments", "/a/%2e%2e/b"],
  ["plus-and-space", "a plus sign and an encoded space", "/a+b%20c?d+e"],
  ["brackets", "brackets, bars and quotes", '/[a]|b"?{c}'],
  ["reserved", "reserved characters", "/a:b@c!d$e&f'(g)*h,i=j~k"],
  ["mixed-case", "mixed case and trailing slash", "/Path/To/"],
  ["file-name", "a file name with an extension", "/index.php/extra"],
];

export const requestLine: readonly Case[] = [
  ...["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"].map(
    (method): Case => ({
      id: `request-line/method-${method}`,
      name: `passes the method ${method}`,
      tags: ["transport", "one-process"],
      async run(t) {
        const echo = await sendForEcho(t, { method, path: "/method" });
        assert.equal(echo.method, method);
        assert.equal(echo.url, "/method");
      },
    }),
  ),
  {
    id: "request-line/head",
    name: "responds to HEAD with the head of GET and no body",
    tags: ["transport", "one-process"],
    async run(t) {
      const response = await send(t, { method: "HEAD", path: "/head" });
      assert.equal(response.statusCode, 200);
      assert.equal(value(response, "x-seen-method"), "HEAD");
      assert.match(value(response, "content-type") ?? "", /json/);
    },
  },
  {
    id: "request-line/unknown-method",
    name: "refuses a method that node:http does not know",
    async run(t) {
      const inspection = newInspection(t);
      const response = await send(t, { method: "UNHEARD", path: inspection.path("reached") });
      assert.ok(response.statusCode >= 400 && response.statusCode < 600, `status ${response.statusCode}`);
      assert.deepEqual((await inspection.report()).events, []);
    },
  },
  ...targets.map(
    ([id, what, target]): Case => ({
      id: `request-line/url-${id}`,
      name: `passes a URL with ${what} as it is`,
      tags: ["transport", "one-process"],
      async run(t) {
        assert.equal((await sendForEcho(t, { path: target })).url, target);
      },
    }),
  ),
  ...["/caf\u00c3\u00a9", "/q?x=\u00e2\u0082\u00ac"].map(
    (target): Case => ({
      id: `request-line/utf8-${target.includes("?") ? "query" : "path"}`,
      name: `refuses a URL with UTF-8 bytes in the ${target.includes("?") ? "query" : "path"}, or passes it as it is`,
      async run(t) {
        // node:http refuses it, most web servers do not.
        const response = await send(t, { path: target });
        if (response.statusCode !== 400) assert.equal(JSON.parse(response.body.toString()).url, target);
      },
    }),
  ),
  {
    id: "request-line/query-6-kb",
    name: "passes a URL with a query of 6 KB as it is",
    tags: ["transport", "one-process"],
    async run(t) {
      const path = `/long?q=${"0123456789abcdef".repeat(375)}`;
      assert.equal((await sendForEcho(t, { path })).url, path);
    },
  },
  {
    id: "request-line/absolute-form",
    name: "passes a URL in absolute form as it is",
    tags: ["one-process"],
    async run(t) {
      const path = "http://other.example/abs?x=1";
      const echo = await sendForEcho(t, { path, fields: [["Host", "other.example"]] });
      assert.equal(echo.url, path);
      assert.equal(echo.headers.host, "other.example");
    },
  },
  {
    id: "request-line/asterisk",
    name: "passes OPTIONS *",
    tags: ["one-process"],
    // Connect finds no path in it.
    apps: ["plain", "express5", "express4"],
    async run(t) {
      const echo = await sendForEcho(t, { method: "OPTIONS", path: "*" });
      assert.equal(echo.method, "OPTIONS");
      assert.equal(echo.url, "*");
    },
  },
  {
    id: "request-line/http10",
    name: "responds to a request of HTTP/1.0 without a Host field",
    async run(t) {
      const connection = await open(t);
      await connection.write(requestHead(t, { path: "/old", httpVersion: "1.0" }));
      const response = await connection.response();
      assert.equal(response.statusCode, 200);
      assert.ok(response.complete);
      const echo = JSON.parse(response.body.toString());
      assert.equal(echo.url, "/old");
      assert.equal(echo.httpVersion, "1.0");
      assert.equal(echo.headers.host, undefined);
    },
  },
  {
    id: "request-line/http10-streamed",
    name: "sends a streamed response to a client of HTTP/1.0 without chunks",
    async run(t) {
      const response = await send(t, { path: "/_/size?length=100000&as=stream", httpVersion: "1.0" });
      assert.equal(response.statusCode, 200);
      assert.equal(value(response, "transfer-encoding"), undefined);
      assert.equal(response.body.length, 100_000);
    },
  },
  {
    id: "request-line/no-host",
    name: "refuses a request of HTTP/1.1 without a Host field",
    async run(t) {
      const connection = await open(t);
      await connection.write("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
      assert.equal((await connection.response()).statusCode, 400);
    },
  },
];
