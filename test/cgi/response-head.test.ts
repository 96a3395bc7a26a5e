import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HOP_BY_HOP_FIELDS } from "../../src/cgi/hop-by-hop.ts";
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

  test("drops the hop-by-hop fields of a response", () => {
    for (const name of HOP_BY_HOP_FIELDS) {
      // A field of requests.
      if (name === "http2-settings") continue;
      const value = name === "transfer-encoding" ? "chunked" : "x";
      const head = translate(["HTTP/1.1 200 OK", `${name}: ${value}`, "B: 2"]);
      assert.deepEqual(head?.lines, ["Status: 200 OK", "B: 2"], name);
    }
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

  test("keeps a plain Content-Length as it is", () => {
    for (const value of ["0", "12", "007", "999999999999999", "9007199254740991"]) {
      const head = translate(["HTTP/1.1 200 OK", `content-length: ${value}`]);
      assert.equal(head?.contentLength, Number(value));
    }
    assert.equal(translate(["HTTP/1.1 200 OK", "Content-Length: 5"])?.text, undefined);
  });

  for (const value of ["5 ", "5\t", "\t5", " \t5\t ", "5, 5", "5,5\t,5"]) {
    test(`writes the Content-Length ${JSON.stringify(value)} as 5`, () => {
      const head = translate(["HTTP/1.1 200 OK", `Content-Length: ${value}`, "A: 1"]);
      assert.deepEqual(head?.lines, ["Status: 200 OK", "A: 1", "Content-Length: 5"]);
      assert.equal(head?.contentLength, 5);
    });
  }

  test("makes one of equal Content-Lengths", () => {
    const head = translate(["HTTP/1.1 200 OK", "Content-Length: 5", "A: 1", "content-length: 5 "]);
    assert.deepEqual(head?.lines, ["Status: 200 OK", "Content-Length: 5", "A: 1"]);
    assert.equal(head?.contentLength, 5);
  });

  for (const values of [
    [""],
    [" "],
    ["abc"],
    ["+5"],
    ["-5"],
    ["5.0"],
    ["0x5"],
    ["1e3"],
    ["5 5"],
    ["5;"],
    ["5, 6"],
    ["5,"],
    ["5\xa0"],
    ["9007199254740993"],
    ["5", "6"],
    ["6", "abc", "6"],
  ]) {
    test(`refuses the Content-Length ${JSON.stringify(values)}`, () => {
      const lines = values.map((value) => `Content-Length: ${value}`);
      assert.throws(() => translate(["HTTP/1.1 200 OK", ...lines, "A: 1"]), {
        name: "TypeError",
        code: "ERR_HTTP_INVALID_HEADER_VALUE",
        message: /^Invalid value ".* for header "Content-Length"$/,
      });
      assert.equal(translate(["HTTP/1.1 200 OK"])?.contentLength, -1, "and remembers nothing of it");
      assert.equal(translate(["HTTP/1.1 100 Continue", ...lines])?.text, "", "an interim head goes nowhere");
    });
  }

  for (const [lines, isChunked, coding] of [
    [["chunked"], true, []],
    [[" Chunked\t"], true, []],
    [["identity"], false, []],
    [["identity, chunked"], true, []],
    [["binary"], false, []],
    [[""], false, []],
    [["gzip"], false, ["gzip"]],
    [["gzip, chunked"], true, ["gzip"]],
    [["GZIP ,\tdeflate,,chunked"], true, ["gzip, deflate"]],
    [["gzip", "chunked"], true, ["gzip"]],
  ] as const) {
    test(`takes the Transfer-Encoding ${JSON.stringify(lines)} ${isChunked ? "for" : "not for"} chunked`, () => {
      const head = translate([
        "HTTP/1.1 200 OK",
        "A: 1",
        ...lines.map((line) => `transfer-encoding: ${line}`),
        "Content-Encoding: br",
        "B: 2",
      ]);
      assert.equal(head?.isChunked, isChunked);
      // Codings in the order in which they were applied: those of the transfer are the later ones.
      const expected = [
        "A: 1",
        "Content-Encoding: br",
        "B: 2",
        ...coding.map((c) => `Content-Encoding: ${c}`),
      ];
      assert.deepEqual(head?.lines, ["Status: 200 OK", ...expected]);
    });
  }

  for (const lines of [
    ["foo, chunked"],
    ["gzip, foo"],
    ["chunked, gzip"],
    ["chunked", "chunked"],
    ["gzip;q=1, chunked"],
  ]) {
    test(`refuses the Transfer-Encoding ${JSON.stringify(lines)}`, () => {
      assert.throws(
        () => translate(["HTTP/1.1 200 OK", ...lines.map((line) => `Transfer-Encoding: ${line}`)]),
        { code: "ERR_HTTP_INVALID_HEADER_VALUE", message: /for header "Transfer-Encoding"$/ },
      );
    });
  }

  test("refuses a coded range, as Content-Encoding would speak of other bytes", () => {
    const fields = ["Content-Range: bytes 0-4/9", "Transfer-Encoding: gzip, chunked"];
    assert.throws(() => translate(["HTTP/1.1 206 Partial Content", ...fields]));
  });

  test("drops Content-Length beside Transfer-Encoding", () => {
    const length = "content-LENGTH: 5 ";
    for (const [coding, added] of [
      ["chunked", []],
      ["gzip", ["Content-Encoding: gzip"]],
    ] as const) {
      const field = `Transfer-Encoding: ${coding}`;
      for (const fields of [
        [length, field],
        [field, length],
      ]) {
        const head = translate(["HTTP/1.1 201 Created", "A: 1", ...fields, "Location: /"], "body");
        assert.deepEqual(head?.lines, ["A: 1", "Location: /", ...added, "Status: 201 Created"]);
        assert.deepEqual([head?.contentLength, head?.isChunked], [-1, coding === "chunked"]);
      }
    }
    const head = translate(["HTTP/1.1 200 OK", "Transfer-Encoding: identity", "Content-Length: 5"]);
    assert.deepEqual(head?.lines, ["Status: 200 OK", "Content-Length: 5"]);
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
