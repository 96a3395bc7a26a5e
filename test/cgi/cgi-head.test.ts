import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type CGIHead, type CGIHeadOptions, CGIHeadParser } from "../../src/cgi/cgi-head.ts";
import { ResponseError } from "../../src/protocol/errors.ts";

/** Parses bytes given in pieces; returns the head and all that follows it. */
function parse(pieces: string[], options?: CGIHeadOptions): { head: CGIHead; body: string } | undefined {
  const parser = new CGIHeadParser(options);
  for (const [i, piece] of pieces.entries()) {
    const parsed = parser.push(Buffer.from(piece, "latin1"));
    if (parsed) {
      return { head: parsed.head, body: parsed.rest.toString("latin1") + pieces.slice(i + 1).join("") };
    }
  }
  return undefined;
}

function headOf(text: string): CGIHead {
  const result = parse([text]);
  assert(result);
  return result.head;
}

function assertMalformed(text: string, message: RegExp, options?: CGIHeadOptions): void {
  assert.throws(
    () => parse([text], options),
    (error) => error instanceof ResponseError && message.test(error.message),
    text,
  );
}

const TEXT =
  "Status: 404 Not Here\r\nContent-Type: text/plain\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nbody\n\nmore";

test("reads status, fields and the beginning of the body", () => {
  assert.deepEqual(parse([TEXT]), {
    head: {
      statusCode: 404,
      statusMessage: "Not Here",
      rawHeaders: ["Content-Type", "text/plain", "Set-Cookie", "a", "Set-Cookie", "b"],
    },
    body: "body\n\nmore",
  });
});

test("reads the same from any two pieces, and from single bytes", () => {
  for (const text of [TEXT, TEXT.replaceAll("\r\n", "\n")]) {
    const expected = parse([text]);
    for (let i = 0; i <= text.length; i++) {
      assert.deepEqual(parse([text.slice(0, i), text.slice(i)]), expected);
    }
    assert.deepEqual(parse([...text]), expected);
  }
});

test("takes LF, CR LF and both in turn as line ends", () => {
  const head = { statusCode: 200, statusMessage: "OK", rawHeaders: ["A", "1", "B", "2"] };
  for (const text of ["A: 1\nB: 2\n\n", "A: 1\r\nB: 2\r\n\r\n", "A: 1\r\nB: 2\n\r\n", "A: 1\nB: 2\r\n\n"]) {
    assert.deepEqual(headOf(text), head);
  }
});

test("supplies the reason phrase that a status lacks", () => {
  assert.equal(headOf("Status: 404\n\n").statusMessage, "Not Found");
  assert.equal(headOf("Status: 404 \n\n").statusMessage, "Not Found");
  assert.equal(headOf("Status: 599\n\n").statusMessage, "");
  assert.equal(headOf("status:200 Fine, too\n\n").statusMessage, "Fine, too");
});

test("guesses no Content-Type (RFC 3875, 6.3.1)", () => {
  assert.deepEqual(headOf("X: y\n\n"), { statusCode: 200, statusMessage: "OK", rawHeaders: ["X", "y"] });
});

test("keeps bytes beyond ASCII, tabs and empty values", () => {
  assert.deepEqual(headOf("A: caf\xe9\nB:\nC: \t x\ty \t\n\n").rawHeaders, [
    "A",
    "caf\xe9",
    "B",
    "",
    "C",
    "x\ty",
  ]);
});

test("reads a Location alone as a local redirect, or as 302 (RFC 3875, 6.2.2 to 6.2.4)", () => {
  const rawHeaders = ["Location", "/x?y"];
  const found = { statusCode: 302, statusMessage: "Found" };
  assert.deepEqual(headOf("Location: /x?y\n\n"), { ...found, rawHeaders, localRedirect: "/x?y" });
  assert.deepEqual(headOf("Status: 303 See\nLocation: /x?y\n\n"), {
    statusCode: 303,
    statusMessage: "See",
    rawHeaders,
  });
  for (const location of ["http://a/", "//a/", "x", "?y"]) {
    assert.deepEqual(headOf(`Location: ${location}\n\n`), { ...found, rawHeaders: ["Location", location] });
  }
  assert.equal(headOf("Location: /x\nSet-Cookie: a\n\n").localRedirect, undefined);
});

test("drops 1xx heads, which precede the real one", () => {
  const text = "Status: 103 Early Hints\nLink: </a>\n\nStatus: 100\n\nContent-Type: text/plain\n\nbody";
  assert.deepEqual(parse([text]), {
    head: { statusCode: 200, statusMessage: "OK", rawHeaders: ["Content-Type", "text/plain"] },
    body: "body",
  });
  assert.deepEqual(parse([...text]), parse([text]));
});

test("refuses malformed heads, and says what is wrong", () => {
  assertMalformed("\n", /no header field/);
  assertMalformed("\r\n\r\n", /no header field/);
  assertMalformed("no colon\n\n", /no header field: "no colon"/);
  assertMalformed(": value\n\n", /no header field/);
  assertMalformed("A : b\n\n", /no header field/);
  assertMalformed("A\xe9: b\n\n", /no header field/);
  assertMalformed("A: b\n c\n\n", /continuation lines/);
  assertMalformed("HTTP/1.1 200 OK\r\n\r\n", /Status: 200 OK/);
  assertMalformed("A: b\rc\n\n", /control character in the value of "A"/);
  assertMalformed("A: b\0c\n\n", /control character/);
  for (const status of ["", "20", "2000", "abc", "099 No", "101 Switching Protocols", "200OK"]) {
    assertMalformed(`Status: ${status}\n\n`, /three digits/);
  }
  assertMalformed("Status: 200\nStatus: 200\n\n", /two Status/);
  assertMalformed("Location: /a\nLocation: /b\n\n", /two Location/);
});

test("refuses a head over its limit, with and without line ends", () => {
  const options = { maxHeadLength: 20 };
  assert(parse(["A: 4567890123456\r\n\r\n"], options));
  assertMalformed(`A: ${"x".repeat(30)}`, /longer than 20 bytes/, options);
  assertMalformed("A: b\n".repeat(5), /longer than 20 bytes/, options);
  assertMalformed("Status: 100\n\n".repeat(2), /longer than 20 bytes/, options);
  assert.equal(parse([`A: b\n\n${"x".repeat(50)}`], options)?.body.length, 50);
});

test("tells an empty response from one that ends in mid-head", () => {
  const parser = new CGIHeadParser();
  assert.match(parser.unfinished().message, /missing/);
  parser.push(Buffer.from("A: b\r\n"));
  assert.match(parser.unfinished().message, /ends before/);
});

test("gives a head or ERR_FCGI_RESPONSE for any bytes, and the same for every split", () => {
  const word = fc.constantFrom(
    "Status: 2",
    "00 OK",
    "Location: /",
    "A",
    ":",
    " ",
    "\r",
    "\n",
    "\n\n",
    "\xe9",
    "\0",
  );
  const run = (pieces: string[]): unknown => {
    try {
      return parse(pieces) ?? "incomplete";
    } catch (error) {
      assert(error instanceof ResponseError);
      return error.message;
    }
  };
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), (pieces) => {
      const text = pieces.join("");
      assert.deepEqual(run(pieces), run([text]));
      assert.deepEqual(run([...text]), run([text]));
    }),
  );
});
