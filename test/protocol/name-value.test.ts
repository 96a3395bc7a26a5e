import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeNameValuePairs, encodeNameValuePairs, readPairs } from "../../src/protocol/index.ts";
import { brokenPairs, bytes, pairs } from "./vectors.ts";

describe("name-value pairs (3.4)", () => {
  for (const { name, stream, decoded } of pairs) {
    test(`decodes ${name}`, () => {
      assert.deepEqual(decodeNameValuePairs(stream, "latin1"), decoded);
      assert.equal(
        readPairs(stream, () => {}),
        decoded.length,
      );
    });
  }

  for (const hex of brokenPairs) {
    test(`refuses ${hex}, whose lengths point beyond its end`, () => {
      assert.throws(() => decodeNameValuePairs(bytes(hex)), {
        name: "ProtocolError",
        code: "ERR_FCGI_PROTOCOL",
        message: new RegExp(`ends beyond its stream of ${bytes(hex).length} bytes`),
      });
    });
  }

  test("encodes lengths up to 127 in one byte, longer ones in four", () => {
    const long = "v".repeat(128);
    const expected = Buffer.concat([bytes("01 02 41 6263 01 80000080 42"), Buffer.from(long)]);
    assert.deepEqual(
      encodeNameValuePairs([
        ["A", "bc"],
        ["B", long],
      ]),
      expected,
    );
    const longName = Buffer.concat([bytes("80000080 00"), Buffer.alloc(128, "n")]);
    assert.deepEqual(encodeNameValuePairs([["n".repeat(128), ""]]), longName);
  });

  test("encodes strings as UTF-8 or Latin-1, and bytes as they are", () => {
    assert.deepEqual(encodeNameValuePairs([["\u00c4", "\u00e9"]], "latin1"), bytes("01 01 c4 e9"));
    assert.deepEqual(encodeNameValuePairs([["A", "\u00e9"]]), bytes("01 02 41 c3a9"));
    assert.deepEqual(encodeNameValuePairs([["A", Buffer.of(0xe9)]]), bytes("01 01 41 e9"));
    assert.deepEqual(encodeNameValuePairs(new Map([["A", ""]])), bytes("01 00 41"));
  });

  for (const [encoding, unit] of [
    ["utf8", "grapheme"],
    ["latin1", fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))],
  ] as const) {
    test(`decodes what it encoded, in ${encoding}`, () => {
      const text = fc.string({ unit, maxLength: 200 });
      fc.assert(
        fc.property(fc.array(fc.tuple(text, text), { maxLength: 10 }), (pairs) => {
          const stream = encodeNameValuePairs(pairs, encoding);
          assert.deepEqual(decodeNameValuePairs(stream, encoding), pairs);
          assert.deepEqual(decodeNameValuePairs(Uint8Array.from(stream), encoding), pairs);
        }),
      );
    });
  }
});
