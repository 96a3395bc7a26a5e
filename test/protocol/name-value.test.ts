import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeNameValuePairs, encodeNameValuePairs, readPairs } from "../../src/protocol/index.ts";
import { brokenPairs, bytes, pairs } from "./vectors.ts";

describe("name-value pairs (3.4)", () => {
  for (const { name, stream, decoded } of pairs) {
    test(`decodes ${name}`, () => {
      assert.deepEqual(decodeNameValuePairs(stream), decoded);
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

  test("encodes strings as UTF-8, and bytes as they are", () => {
    assert.deepEqual(encodeNameValuePairs([["A", "\u00e9"]]), bytes("01 02 41 c3a9"));
    assert.deepEqual(encodeNameValuePairs([["A", Buffer.of(0xe9)]]), bytes("01 01 41 e9"));
    assert.deepEqual(encodeNameValuePairs(new Map([["A", ""]])), bytes("01 00 41"));
  });
});
