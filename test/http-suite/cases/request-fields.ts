import assert from "node:assert/strict";
import { open, sendForEcho, sendOn } from "../request.ts";
import type { Case } from "../target.ts";

export const requestFields: readonly Case[] = [
  {
    name: "passes a header field by its lower-case name, and in rawHeaders",
    async run(t) {
      const { headers, rawHeaders } = await sendForEcho(t, { fields: [["X-Custom-Field", "a value"]] });
      assert.equal(headers["x-custom-field"], "a value");
      const index = rawHeaders.indexOf("X-Custom-Field");
      assert.ok(index >= 0 && index % 2 === 0, rawHeaders.join());
      assert.equal(rawHeaders[index + 1], "a value");
    },
  },
  {
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
    name: "passes an empty header field",
    async run(t) {
      assert.equal((await sendForEcho(t, { fields: [["X-Empty", ""]] })).headers["x-empty"], "");
    },
  },
  {
    name: "passes a header value as Latin-1",
    async run(t) {
      assert.equal(
        (await sendForEcho(t, { fields: [["X-Latin", "caf\u00e9"]] })).headers["x-latin"],
        "caf\u00e9",
      );
    },
  },
  {
    name: "passes the bytes of a UTF-8 header value as Latin-1",
    async run(t) {
      const bytes = "\u00e2\u0082\u00ac";
      assert.equal((await sendForEcho(t, { fields: [["X-Euro", bytes]] })).headers["x-euro"], bytes);
    },
  },
  {
    name: "trims spaces around a header value, and keeps those inside",
    async run(t) {
      const fields = [["X-Spaces", "  a  b\tc  "]] as const;
      assert.equal((await sendForEcho(t, { fields })).headers["x-spaces"], "a  b\tc");
    },
  },
  {
    name: "passes a header value of 4 KB",
    async run(t) {
      const long = "0123456789abcdef".repeat(256);
      assert.equal((await sendForEcho(t, { fields: [["X-Long", long]] })).headers["x-long"], long);
    },
  },
  {
    name: "passes 60 header fields",
    async run(t) {
      const fields = Array.from({ length: 60 }, (_, index) => [`X-Field-${index}`, `${index}`] as const);
      const { headers } = await sendForEcho(t, { fields });
      for (const [name, text] of fields) assert.equal(headers[name.toLowerCase()], text);
    },
  },
  {
    name: "passes header fields named as properties of every object",
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
    name: "passes Authorization",
    async run(t) {
      const fields = [["Authorization", "Basic dXNlcjpwYXNz"]] as const;
      assert.equal((await sendForEcho(t, { fields })).headers.authorization, "Basic dXNlcjpwYXNz");
    },
  },
  {
    name: "passes the fields of a conditional request and of content negotiation",
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
    name: "tells of no body where a GET has none",
    async run(t) {
      const { headers } = await sendForEcho(t, {});
      for (const name of ["content-length", "content-type", "transfer-encoding"]) {
        assert.equal(headers[name], undefined, name);
      }
    },
  },
  {
    name: "passes Content-Type and Content-Length of a body",
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
      name: `passes Host: ${host} as it is`,
      async run(t) {
        assert.equal((await sendForEcho(t, { fields: [["Host", host]] })).headers.host, host);
      },
    }),
  ),
  {
    name: "tells the client's address and port",
    async run(t) {
      const connection = await open(t);
      await sendOn(connection, t, {}, false);
      const echo = JSON.parse((await connection.answer()).body.toString());
      assert.equal(echo.remoteAddress, connection.socket.localAddress);
      assert.equal(echo.remotePort, connection.socket.localPort);
      connection.destroy();
    },
  },
  {
    name: "tells the port that the client connected to",
    async run(t) {
      assert.equal((await sendForEcho(t, {})).localPort, t.port);
    },
  },
  {
    name: "tells the version of HTTP",
    async run(t) {
      assert.equal((await sendForEcho(t, {})).httpVersion, "1.1");
    },
  },
  {
    name: "gives the application instances of Node's own classes",
    async run(t) {
      assert.equal((await sendForEcho(t, {})).nodes, true);
    },
  },
  {
    name: "tells that a connection without TLS is not encrypted",
    async run(t) {
      assert.equal((await sendForEcho(t, {})).encrypted, false);
    },
  },
  {
    name: "tells that a connection with TLS is encrypted, and from whom it comes",
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
    name: "gives Express ip, protocol, secure and hostname without trust proxy",
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
