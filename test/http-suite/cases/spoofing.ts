import assert from "node:assert/strict";
import type { Echo } from "../app/echo.ts";
import type { TrustingReport } from "../app/frameworks.ts";
import { newInspection, open, send, sendForEcho } from "../request.ts";
import type { Case } from "../target.ts";

/** Fields by which clients claim another identity. */
const forged: readonly (readonly [name: string, value: string])[] = [
  ["X-Forwarded-For", "6.6.6.6"],
  ["X-Real-IP", "6.6.6.6"],
  ["Forwarded", "for=6.6.6.6;proto=https;host=evil.example"],
  ["X-Forwarded-Proto", "https"],
  ["X-Forwarded-Host", "evil.example"],
  ["X_Forwarded_For", "6.6.6.6"],
  ["X_Forwarded_Proto", "https"],
  ["HTTPS", "on"],
  ["Remote_Addr", "6.6.6.6"],
  ["Remote-Addr", "6.6.6.6"],
  ["Request_Uri", "/evil"],
  ["Request-Method", "DELETE"],
  ["Server-Port", "6666"],
  ["Http_Host", "evil.example"],
  ["Script-Name", "/evil"],
  ["Content_Length", "99"],
  ["Status", "500"],
];

/** Fields that applications with `trust proxy` believe, in the spellings that web servers map to the same variable. */
const forwarded: readonly (readonly [name: string, value: string])[] = [
  ["X-Forwarded-For", "6.6.6.6"],
  ["X-Forwarded-Proto", "https"],
  ["X-Forwarded-Host", "evil.example"],
  ["X-Forwarded-Port", "6666"],
  ["X-Forwarded-Server", "evil.example"],
  ["X-Forwarded-Ssl", "on"],
  ["x-forwarded-prefix", "/evil"],
  ["X_Forwarded_Host", "evil.example"],
  ["X-Forwarded_Proto", "https"],
  ["Forwarded", "for=6.6.6.6;proto=https;host=evil.example"],
  ["X-Real-IP", "6.6.6.6"],
  ["X-Client-IP", "6.6.6.6"],
  ["X-Cluster-Client-IP", "6.6.6.6"],
  ["Client-IP", "6.6.6.6"],
];

/** What the application must see, whatever fields the client adds. */
const identity = ({ method, url, remoteAddress, localPort, encrypted, express, headers }: Echo) => ({
  method,
  url,
  remoteAddress,
  localPort,
  encrypted,
  express,
  host: headers.host,
  contentLength: headers["content-length"],
});

/** Pairs of framing fields over which a web server and an application could disagree. */
const framings: readonly (readonly [id: string, what: string, fields: string])[] = [
  [
    "length-chunked",
    "Content-Length and Transfer-Encoding",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
  ],
  [
    "chunked-length",
    "Transfer-Encoding and Content-Length",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
  ],
  ["two-codings", "two Transfer-Encodings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"],
  ["unknown-coding", "an unknown Transfer-Encoding", "Content-Length: 5\r\nTransfer-Encoding: xchunked"],
  ["space", "a space before the colon", "Content-Length: 5\r\nTransfer-Encoding : chunked"],
  ["tab", "a tab before the value", "Content-Length: 5\r\nTransfer-Encoding:\tchunked"],
  ["folded", "a folded Transfer-Encoding", "Content-Length: 5\r\nTransfer-Encoding:\r\n chunked"],
  ["underscore", "an underscore in Transfer_Encoding", "Content-Length: 5\r\nTransfer_Encoding: chunked"],
  ["two-lengths", "two different Content-Lengths", "Content-Length: 5\r\nContent-Length: 50"],
  ["length-list", "a list of Content-Lengths", "Content-Length: 5, 50"],
  ["signed-length", "a signed Content-Length", "Content-Length: +5"],
];

export const spoofing: readonly Case[] = [
  ...forged.map(
    (field): Case => ({
      id: `spoofing/${field[0]}`,
      name: `is not deceived by ${field[0]}: ${field[1]}`,
      tags: ["one-process"],
      async run(t) {
        const request = { method: "POST", path: "/real", body: "body" };
        const honest = await sendForEcho(t, request);
        const echo = await sendForEcho(t, { ...request, fields: [field] });
        assert.deepEqual(identity(echo), identity(honest));
        assert.equal(echo.method, "POST");
        assert.equal(echo.headers["content-length"], "4");
      },
    }),
  ),
  {
    id: "spoofing/trust-proxy",
    name: "is not deceived by X-Forwarded-* and the like while it trusts proxies",
    tags: ["one-process"],
    apps: ["express4", "express5"],
    fastcgiOnly: true,
    async run(t) {
      const path = "/fw/trusting";
      const report = async (fields: typeof forwarded): Promise<TrustingReport> =>
        JSON.parse((await send(t, { path, fields })).body.toString());
      const honest = await report([]);
      assert.deepEqual([honest.ips, honest.fields], [[], []]);
      for (const field of forwarded) assert.deepEqual(await report([field]), honest, field.join(": "));
      assert.deepEqual(await report(forwarded), honest);
    },
  },
  {
    id: "spoofing/httpoxy",
    name: "drops the Proxy field (httpoxy)",
    fastcgiOnly: true,
    async run(t) {
      const echo = await sendForEcho(t, { fields: [["Proxy", "http://evil.example/"]] });
      assert.equal(echo.headers.proxy, undefined);
      assert.ok(!echo.rawHeaders.some((name) => name.toLowerCase() === "proxy"));
    },
  },
  {
    id: "spoofing/underscore",
    name: "does not take a field with an underscore for its twin with a dash",
    async run(t) {
      const echo = await sendForEcho(t, { fields: [["X_Trusted_User", "evil"]] });
      assert.equal(echo.headers["x-trusted-user"], undefined);
    },
  },
  {
    id: "spoofing/dash-and-underscore",
    name: "keeps a field with a dash apart from its twin with an underscore",
    async run(t) {
      const fields = [
        ["X_Trusted_User", "evil"],
        ["X-Trusted-User", "good"],
      ] as const;
      assert.equal((await sendForEcho(t, { fields })).headers["x-trusted-user"], "good");
    },
  },
  {
    id: "spoofing/content-length-twin",
    name: "does not read more of a body than Content-Length when Content_Length says so",
    async run(t) {
      const fields = [["Content_Length", "99"]] as const;
      const response = await send(t, { method: "POST", path: "/_/body", fields, body: "12345" });
      assert.equal(response.statusCode, 200);
      assert.equal(JSON.parse(response.body.toString()).length, 5);
    },
  },
  ...framings.map(
    ([id, what, fields]): Case => ({
      id: `spoofing/framing-${id}`,
      name: `cannot be desynchronised by ${what}`,
      tags: what.startsWith("Content-Length") ? ["transport", "one-process"] : ["one-process"],
      async run(t) {
        const smuggled = newInspection(t);
        // By Content-Length the body is 5 bytes; by chunks it is empty. What follows it either way is a
        // request that nobody sent if the two sides disagree about which it is.
        const inner = `GET ${smuggled.path("reached")} HTTP/1.1\r\nHost: inner\r\n\r\n`;
        const connection = await open(t);
        await connection.write(
          `POST /_/body HTTP/1.1\r\nHost: ${t.host}:${t.port}\r\n${fields}\r\n\r\n0\r\n\r\n`,
        );
        const first = await connection.response();
        if (first.statusCode === 200) {
          // An accepted request must have one length: the announced length is what the application reads.
          const report = JSON.parse(first.body.toString());
          assert.ok(
            [0, 5].includes(report.length),
            `the application read ${report.length} bytes of a body of 0 or 5`,
          );
          if (report.contentLength !== null) assert.equal(Number(report.contentLength), report.length);
          await connection.write(inner.replace(smuggled.path("reached"), "/marker"));
          const second = await connection.response().catch(() => undefined);
          if (second?.statusCode === 200) assert.equal(JSON.parse(second.body.toString()).url, "/marker");
        } else {
          assert.ok(first.statusCode >= 400, `status ${first.statusCode}`);
        }
        connection.destroy();

        // The same with the inner request in one write with the outer one, inside its announced body.
        const hidden = await open(t);
        const announced = fields.replace(/\b5\b/, String(5 + inner.length));
        await hidden.write(
          `POST /_/body HTTP/1.1\r\nHost: ${t.host}:${t.port}\r\n${announced}\r\n\r\n0\r\n\r\n${inner}`,
        );
        const response = await hidden.response();
        if (response.statusCode === 200) {
          const report = JSON.parse(response.body.toString());
          const reached = (await smuggled.report()).events.includes("reached");
          // Either it is body, or it is a request of its own; never both.
          assert.ok(!(reached && report.length > 0), "a request in a body was taken for a request");
        } else {
          assert.ok(response.statusCode >= 400);
          assert.deepEqual((await smuggled.report()).events, []);
        }
        hidden.destroy();
      },
    }),
  ),
];
