import assert from "node:assert/strict";
import { open, sendForEcho, sendOn } from "../request.ts";
import type { Case } from "../target.ts";

export const requestFields: readonly Case[] = [
  {
    id: "fields/names",
    name: "passes a header field by its lower-case name, and in rawHeaders",
    tags: ["one-process"],
    async run(t) {
      const { headers, rawHeaders } = await sendForEcho(t, { fields: [["X-Custom-Field", "a value"]] });
      assert.equal(headers["x-custom-field"], "a value");
      const index = rawHeaders.indexOf("X-Custom-Field");
      assert.ok(index >= 0 && index % 2 === 0, rawHeaders.join());
      assert.equal(rawHeaders[index + 1], "a value");
    },
  },
  {
    id: "fields/repeated",
    name: "joins a repeated header field with commas",
    async run(t) {
      const fields = [
        ["X-Dup", "1"],
        ["X-Other", "x"],
        ["X-Dup", "2"],
      ] as const;
      assert.equal((await sendForEcho(t, { fields })).headers["x-dup"], "1, 2");
    },
  },
  {
    id: "fields/repeated-distinct",
    name: "keeps the values of a repeated header field apart in headersDistinct",
    async run(t) {
      const fields = [
        ["X-Dup", "1"],
        ["X-Dup", "2"],
      ] as const;
      assert.deepEqual((await sendForEcho(t, { fields })).headersDistinct["x-dup"], ["1", "2"]);
    },
  },
  {
    id: "fields/cookies",
    name: "joins several Cookie fields with semicolons",
    async run(t) {
      const fields = [
        ["Cookie", "a=1; b=2"],
        ["Cookie", "c=3"],
      ] as const;
      assert.equal((await sendForEcho(t, { fields })).headers.cookie, "a=1; b=2; c=3");
    },
  },
  {
    id: "fields/repeated-first",
    name: "keeps the first of a repeated field that allows only one",
    async run(t) {
      const fields = [
        ["From", "first"],
        ["From", "second"],
      ] as const;
      assert.equal((await sendForEcho(t, { fields })).headers.from, "first");
    },
  },
  {
    id: "fields/empty",
    name: "passes an empty header field",
    tags: ["transport", "one-process"],
    async run(t) {
      assert.equal((await sendForEcho(t, { fields: [["X-Empty", ""]] })).headers["x-empty"], "");
    },
  },
  {
    id: "fields/latin1",
    name: "passes a header value as Latin-1",
    tags: ["one-process"],
    async run(t) {
      assert.equal(
        (await sendForEcho(t, { fields: [["X-Latin", "caf\u00e9"]] })).headers["x-latin"],
        "caf\u00e9",
      );
    },
  },
  {
    id: "fields/utf8",
    name: "passes the bytes of a UTF-8 header value as Latin-1",
    tags: ["one-process"],
    async run(t) {
      const bytes = "\u00e2\u0082\u00ac";
      assert.equal((await sendForEcho(t, { fields: [["X-Euro", bytes]] })).headers["x-euro"], bytes);
    },
  },
  {
    id: "fields/spaces",
    name: "trims spaces around a header value, and keeps those inside",
    async run(t) {
      const fields = [["X-Spaces", "  a  b\tc  "]] as const;
      assert.equal((await sendForEcho(t, { fields })).headers["x-spaces"], "a  b\tc");
    },
  },
  {
    id: "fields/4-kb",
    name: "passes a header value of 4 KB",
    tags: ["one-process"],
    async run(t) {
      const long = "0123456789abcdef".repeat(256);
      assert.equal((await sendForEcho(t, { fields: [["X-Long", long]] })).headers["x-long"], long);
    },
  },
  {
    id: "fields/60-fields",
    name: "passes 60 header fields",
    tags: ["one-process"],
    async run(t) {
      const fields = Array.from({ length: 60 }, (_, index) => [`X-Field-${index}`, `${index}`] as const);
      const { headers } = await sendForEcho(t, { fields });
      for (const [name, text] of fields) assert.equal(headers[name.toLowerCase()], text);
    },
  },
  {
    id: "fields/object-properties",
    name: "passes header fields named as properties of every object",
    tags: ["one-process"],
    async run(t) {
      const fields = [
        ["Constructor", "c"],
        ["ToString", "t"],
      ] as const;
      const { headers } = await sendForEcho(t, { fields });
      assert.equal(headers.constructor, "c");
      assert.equal(headers.tostring, "t");
    },
  },
  {
    id: "fields/authorization",
    name: "passes Authorization",
    tags: ["transport", "one-process"],
    async run(t) {
      const fields = [["Authorization", "Basic dXNlcjpwYXNz"]] as const;
      assert.equal((await sendForEcho(t, { fields })).headers.authorization, "Basic dXNlcjpwYXNz");
    },
  },
  {
    id: "fields/conditional",
    name: "passes the fields of a conditional request and of content negotiation",
    tags: ["one-process"],
    async run(t) {
      const fields = [
        ["If-None-Match", '"a", W/"b"'],
        ["If-Modified-Since", "Wed, 21 Oct 2015 07:28:00 GMT"],
        ["Accept", "text/html;q=0.9, */*;q=0.1"],
        ["Accept-Language", "de, en;q=0.5"],
        ["Range", "bytes=0-4"],
        ["User-Agent", "suite/1.0 (a comment)"],
        ["Referer", "http://other.example/page?a=1"],
        ["Origin", "http://other.example"],
      ] as const;
      const { headers } = await sendForEcho(t, { fields });
      for (const [name, text] of fields) assert.equal(headers[name.toLowerCase()], text, name);
    },
  },
  {
    id: "fields/no-body",
    name: "tells of no body where a GET has none",
    tags: ["transport", "one-process"],
    async run(t) {
      const { headers } = await sendForEcho(t, {});
      for (const name of ["content-length", "content-type", "transfer-encoding"]) {
        assert.equal(headers[name], undefined, name);
      }
    },
  },
  {
    id: "fields/content-type",
    name: "passes Content-Type and Content-Length of a body",
    tags: ["one-process"],
    async run(t) {
      const fields = [["Content-Type", "text/plain; charset=utf-8"]] as const;
      const { headers } = await sendForEcho(t, { method: "POST", fields, body: "12345" });
      assert.equal(headers["content-type"], "text/plain; charset=utf-8");
      assert.equal(headers["content-length"], "5");
      assert.equal(headers["transfer-encoding"], undefined);
    },
  },
  ...["example.com", "example.com:8080", "EXAMPLE.Com:80", "[::1]:8080", "127.0.0.1"].map(
    (host): Case => ({
      id: `fields/host-${host}`,
      name: `passes Host: ${host} as it is`,
      tags: ["one-process"],
      async run(t) {
        assert.equal((await sendForEcho(t, { fields: [["Host", host]] })).headers.host, host);
      },
    }),
  ),
  {
    id: "fields/remote-address",
    name: "tells the client's address and port",
    tags: ["transport", "one-process"],
    async run(t) {
      const connection = await open(t);
      await sendOn(connection, t, {}, false);
      const echo = JSON.parse((await connection.response()).body.toString());
      assert.equal(echo.remoteAddress, connection.socket.localAddress);
      assert.equal(echo.remotePort, connection.socket.localPort);
      connection.destroy();
    },
  },
  {
    id: "fields/local-port",
    name: "tells the port that the client connected to",
    tags: ["transport", "one-process"],
    async run(t) {
      assert.equal((await sendForEcho(t, {})).localPort, t.port);
    },
  },
  {
    id: "fields/http-version",
    name: "tells the version of HTTP",
    tags: ["transport", "one-process"],
    async run(t) {
      assert.equal((await sendForEcho(t, {})).httpVersion, "1.1");
    },
  },
  {
    id: "fields/instances",
    name: "gives the application instances of Node's own classes",
    async run(t) {
      assert.equal((await sendForEcho(t, {})).nodes, true);
    },
  },
  {
    id: "fields/not-encrypted",
    name: "tells that a connection without TLS is not encrypted",
    tags: ["transport", "one-process"],
    async run(t) {
      assert.equal((await sendForEcho(t, {})).encrypted, false);
    },
  },
  {
    id: "fields/encrypted",
    name: "tells that a connection with TLS is encrypted, and from whom it comes",
    tags: ["transport", "one-process"],
    tls: true,
    async run(t) {
      const echo = await sendForEcho(t, { tls: true });
      assert.equal(echo.encrypted, true);
      assert.equal(echo.remoteAddress, "127.0.0.1");
      assert.equal(echo.localPort, t.tls?.port);
      if (echo.express) {
        assert.equal(echo.express.protocol, "https");
        assert.equal(echo.express.secure, true);
      }
    },
  },
  {
    id: "fields/express",
    name: "gives Express ip, protocol, secure and hostname without trust proxy",
    tags: ["transport", "one-process"],
    apps: ["express5", "express4"],
    async run(t) {
      const { express } = await sendForEcho(t, { fields: [["Host", "shop.example:8080"]] });
      assert.deepEqual(express, {
        ip: "127.0.0.1",
        protocol: "http",
        secure: false,
        hostname: "shop.example",
      });
    },
  },
];
