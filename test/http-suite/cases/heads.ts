import assert from "node:assert/strict";
import { value, values } from "../client.ts";
import { newInspection, open, send, sendOn } from "../request.ts";
import type { Case, CaseContext } from "../target.ts";

const get = (t: CaseContext, behaviour: string) => send(t, { path: `/_/${behaviour}` });

/** Sends a request and another one after it on the same connection. Returns the first response. */
async function sendTwo(t: CaseContext, path: string, method = "GET") {
  const connection = await open(t);
  await sendOn(connection, t, { method, path });
  const response = await connection.response(method);
  await sendOn(connection, t, { path: "/after" });
  const after = await connection.response().catch((error: Error) => error);
  connection.destroy();
  // A server may close the connection after the response, but not leave bytes on it.
  if (after instanceof Error) assert.match(after.message, /FIN|ECONNRESET|EPIPE/);
  else assert.equal(JSON.parse(after.body.toString()).url, "/after");
  return response;
}

export const heads: readonly Case[] = [
  {
    id: "heads/write-head-object",
    name: "sends what writeHead is given as an object",
    async run(t) {
      const response = await get(t, "head-object");
      assert.equal(response.statusCode, 201);
      assert.equal(value(response, "x-one"), "1");
      assert.equal(values(response, "x-many").join(", "), "a, b");
      assert.equal(response.body.toString(), "object");
    },
  },
  {
    id: "heads/write-head-reason",
    name: "sends the reason that writeHead is given",
    async run(t) {
      const response = await get(t, "head-message");
      assert.equal(response.statusCode, 201);
      assert.equal(response.statusMessage, "Made Here");
      assert.equal(value(response, "x-one"), "1");
    },
  },
  {
    id: "heads/write-head-array",
    name: "sends what writeHead is given as a flat array",
    async run(t) {
      const response = await get(t, "head-flat");
      assert.equal(value(response, "x-one"), "1");
      // After a setHeader, as Express does it, Node.js before 22 leaves the last of a repeated name only.
      const isMerged = t.app.startsWith("express") && Number.parseInt(process.versions.node, 10) < 22;
      assert.equal(values(response, "x-many").join(", "), isMerged ? "b" : "a, b");
    },
  },
  {
    id: "heads/write-head-merge",
    name: "merges writeHead with setHeader",
    async run(t) {
      const response = await get(t, "head-merged");
      assert.equal(response.statusCode, 202);
      assert.deepEqual(
        ["x-one", "x-two", "x-three"].map((name) => value(response, name)),
        ["1", "2", "3"],
      );
    },
  },
  {
    id: "heads/write-head-twice",
    name: "refuses a second writeHead",
    async run(t) {
      const response = await send(t, { path: newInspection(t).path("head-twice") });
      assert.equal(response.body.toString(), "ERR_HTTP_HEADERS_SENT");
    },
  },
  {
    id: "heads/set-header",
    name: "sends what setHeader, appendHeader, setHeaders and removeHeader leave",
    async run(t) {
      const response = await get(t, "set-headers");
      assert.equal(values(response, "x-many").join(", "), "a, b");
      assert.equal(values(response, "x-appended").join(", "), "1, 2");
      assert.deepEqual(
        ["x-gone", "x-mapped", "x-fetched"].map((name) => value(response, name)),
        [undefined, "m", "f"],
      );
    },
  },
  {
    id: "heads/set-cookie",
    name: "sends several Set-Cookie fields apart and in order",
    tags: ["one-process"],
    async run(t) {
      assert.deepEqual(values(await get(t, "set-cookies"), "set-cookie"), [
        "a=1; Path=/",
        "b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT",
        "c=3; HttpOnly",
      ]);
    },
  },
  ...[200, 203, 400, 401, 403, 404, 405, 410, 418, 422, 429, 451, 500, 501, 503].map(
    (code): Case => ({
      id: `heads/status-${code}`,
      name: `sends the status ${code} with its body`,
      async run(t) {
        const response = await get(t, `status?code=${code}`);
        assert.equal(response.statusCode, code);
        assert.equal(response.body.toString(), `status ${code}`);
      },
    }),
  ),
  {
    id: "heads/own-reason",
    name: "sends a reason of the application's own",
    async run(t) {
      const response = await get(t, "status?code=404&reason=Nothing%20To%20See");
      assert.equal(response.statusCode, 404);
      assert.equal(response.statusMessage, "Nothing To See");
    },
  },
  {
    id: "heads/unregistered-status",
    name: "sends a status without a registered reason",
    async run(t) {
      const response = await get(t, "status?code=299&reason=Own%20Status");
      assert.equal(response.statusCode, 299);
      assert.equal(response.body.toString(), "status 299");
    },
  },
  {
    id: "heads/latin1",
    name: "sends a header value as Latin-1",
    async run(t) {
      assert.equal(value(await get(t, "latin1?body=buffer"), "x-latin"), "caf\u00e9");
    },
  },
  {
    id: "heads/utf8",
    name: "sends a header value as UTF-8 where node:http does, in one write with a string",
    async run(t) {
      assert.equal(value(await get(t, "latin1?body=string"), "x-latin"), "caf\u00c3\u00a9");
    },
  },
  ...[5, 16].map(
    (kilobytes): Case => ({
      id: `heads/${kilobytes}-kb`,
      name: `sends a response head of ${kilobytes} KB`,
      async run(t) {
        const response = await get(t, `long-head?length=${kilobytes * 1024}`);
        assert.equal(response.statusCode, 200);
        for (let index = 0; index < kilobytes; index++) {
          assert.equal(value(response, `x-long-${index}`)?.length, 1000);
        }
        assert.equal(response.body.toString(), "long head");
      },
    }),
  ),
  {
    id: "heads/own-chunked",
    name: "does not frame twice when the application sets Transfer-Encoding in writeHead",
    async run(t) {
      const response = await sendTwo(t, "/_/own-chunked");
      assert.equal(response.body.toString(), "own framing");
      assert.ok(response.complete);
    },
  },
  {
    id: "heads/own-chunked-set-header",
    name: "does not frame twice when the application sets Transfer-Encoding with setHeader",
    async run(t) {
      assert.equal((await sendTwo(t, "/_/own-chunked-twice")).body.toString(), "first,second");
    },
  },
  {
    id: "heads/own-connection",
    name: "responds when the application sets Connection and Keep-Alive",
    async run(t) {
      const response = await sendTwo(t, "/_/own-connection");
      assert.equal(response.body.toString(), "own connection");
      assert.ok(values(response, "connection").length < 2);
      assert.ok(values(response, "keep-alive").length < 2);
    },
  },
  {
    id: "heads/content-length",
    name: "sends the application's own Content-Length",
    async run(t) {
      const response = await sendTwo(t, "/_/own-length");
      assert.equal(value(response, "content-length"), "5");
      assert.equal(response.body.toString(), "12345");
    },
  },
  {
    id: "heads/content-length-head",
    name: "sends the application's own Content-Length in response to HEAD",
    async run(t) {
      assert.equal(value(await sendTwo(t, "/_/own-length", "HEAD"), "content-length"), "5");
    },
  },
  {
    id: "heads/head-written",
    name: "sends no body in response to HEAD when the application writes one",
    async run(t) {
      const response = await sendTwo(t, "/_/forbidden-body", "HEAD");
      assert.equal(response.statusCode, 200);
      assert.equal(value(response, "etag"), '"1"');
    },
  },
  {
    id: "heads/head-streamed",
    name: "sends no body in response to HEAD when the application streams one",
    async run(t) {
      assert.equal((await sendTwo(t, "/_/size?length=300000&as=stream", "HEAD")).statusCode, 200);
    },
  },
  ...[204, 304].map(
    (code): Case => ({
      id: `heads/no-body-${code}`,
      name: `sends no body with ${code} when the application writes one`,
      async run(t) {
        const response = await sendTwo(t, `/_/forbidden-body?code=${code}`);
        assert.equal(response.statusCode, code);
        assert.equal(value(response, "etag"), '"1"');
        assert.equal(value(response, "transfer-encoding"), undefined);
      },
    }),
  ),
  {
    id: "heads/date",
    name: "sends one Date",
    async run(t) {
      assert.ok(Date.parse(value(await get(t, "own-length"), "date") ?? "") > 0);
    },
  },
  {
    id: "heads/informational",
    name: "sends the final response after writeContinue, writeProcessing and writeEarlyHints",
    tags: ["transport"],
    async run(t) {
      const inspection = newInspection(t);
      const response = await send(t, { path: inspection.path("informational") });
      assert.equal(response.statusCode, 200);
      assert.equal(value(response, "x-final"), "yes");
      assert.equal(response.body.toString(), "final");
      assert.deepEqual((await inspection.report()).events, ["continue", "early hints"]);
      // Over FastCGI only lighttpd accepts trailers, so that they are dropped.
      if (t.server !== "node:http") assert.deepEqual(response.informational, []);
    },
  },
  {
    id: "heads/trailers",
    name: "sends the body whole when the application adds trailers",
    async run(t) {
      const response = await sendTwo(t, "/_/trailers");
      assert.equal(response.body.toString(), "body,end");
      assert.ok(response.complete);
    },
  },
];
