import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { translateResponseHead } from "../../src/cgi/response-head.ts";

/** What the translation says, as plain values. */
const translate = (lines: readonly string[], rest = "") => {
  const text = `${lines.join("\r\n")}\r\n\r\n`;
  const head = translateResponseHead(text + rest);
  if (head === undefined) return undefined;
  assert.equal(head.end, text.length);
  const cgi = head.text ?? `Status: ${text.slice(9)}`;
  return { ...head, lines: cgi === "" ? [] : cgi.split("\r\n").slice(0, -2) };
};

describe("translateResponseHead", () => {
  test("turns the status line into a Status field", () => {
    const head = translate(["HTTP/1.1 404 Not Found", "X: y"], "body");
    assert.deepEqual(head?.lines, ["Status: 404 Not Found", "X: y"]);
    assert.equal(head?.text, undefined, "nothing but the first nine characters has to change");
    assert.deepEqual([head?.statusCode, head?.contentLength, head?.isChunked], [404, -1, false]);
  });

  for (const field of [
    "Connection: close",
    "connection: keep-alive",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: close",
    "Transfer-Encoding: chunked",
    "TE: trailers",
    "Trailer: X",
    "Upgrade: h2c",
    "Status: 500 Injected",
    "STATUS: 500",
  ]) {
    test(`drops ${field}`, () => {
      assert.deepEqual(translate(["HTTP/1.1 200 OK", "A: 1", field, "B: 2"])?.lines, [
        "Status: 200 OK",
        "A: 1",
        "B: 2",
      ]);
      assert.deepEqual(translate(["HTTP/1.1 200 OK", field])?.lines, ["Status: 200 OK"]);
    });
  }

  test("keeps fields that only look like those", () => {
    const fields = [
      "Trailers: x",
      "Te-X: y",
      "Statuses: z",
      "Content-Type: t",
      "Connections: 1",
      "Server: s",
      "Keep-Aline: k",
      "Xonnection: q",
      "Upgradf: u",
      "Proxy-Connectiom: p",
      "Transfer-Encodinh: e",
    ];
    assert.deepEqual(translate(["HTTP/1.1 200 OK", ...fields])?.lines, ["Status: 200 OK", ...fields]);
  });

  test("puts the status last where there is a Location, for HAProxy 2.6", () => {
    assert.deepEqual(translate(["HTTP/1.1 201 Created", "A: 1", "Location: /x"])?.lines, [
      "A: 1",
      "Location: /x",
      "Status: 201 Created",
    ]);
    const fields = ["A: 1", "Connection: close", "Location: /x", "B: 2"];
    assert.deepEqual(translate(["HTTP/1.1 301 Moved", ...fields])?.lines, [
      "A: 1",
      "Location: /x",
      "B: 2",
      "Status: 301 Moved",
    ]);
  });

  test("keeps Set-Cookie lines apart", () => {
    const fields = ["Set-Cookie: a=1", "Set-Cookie: b=2"];
    assert.deepEqual(translate(["HTTP/1.1 200 OK", ...fields])?.lines, ["Status: 200 OK", ...fields]);
  });

  test("reads Content-Length", () => {
    const lengthOf = (value: string) =>
      translate(["HTTP/1.1 200 OK", `Content-Length: ${value}`])?.contentLength;
    assert.deepEqual(["0", "12", "abc", "-1", "1e3", ""].map(lengthOf), [0, 12, -1, -1, -1, -1]);
  });

  test("says whether the application asked for chunked encoding", () => {
    for (const [value, isChunked] of [
      ["chunked", true],
      [" Chunked ", true],
      ["gzip, chunked", false],
      ["identity", false],
    ] as const) {
      assert.equal(
        translate(["HTTP/1.1 200 OK", `transfer-encoding: ${value}`])?.isChunked,
        isChunked,
        value,
      );
    }
  });

  test("drops 1xx heads, and makes 501 of 101", () => {
    for (const status of ["100 Continue", "102 Processing", "103 Early Hints"]) {
      assert.equal(translate([`HTTP/1.1 ${status}`, "Link: x"])?.text, "");
    }
    assert.deepEqual(translate(["HTTP/1.1 101 Switching Protocols", "Upgrade: x"])?.lines, [
      "Status: 501 Not Implemented",
    ]);
  });

  test("refuses what is no head", () => {
    for (const text of ["", "HTTP/1.1 200 OK\r\n", "HTTP/2 200\r\n\r\n", "hello\r\n\r\n"]) {
      assert.equal(translateResponseHead(text), undefined);
    }
  });
});
