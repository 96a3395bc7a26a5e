import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ProtocolError, RecordParser } from "../../src/protocol/index.ts";
import { chunkings } from "../support/chunkings.ts";
import { bytes, records } from "./vectors.ts";

/** Records as plain values. */
function parse(chunks: Iterable<Buffer>): [number, number, string][] {
  const parser = new RecordParser();
  const found: [number, number, string][] = [];
  for (const chunk of chunks) {
    // A copy that is overwritten afterwards: nothing may hold on to the caller's memory within a record.
    for (const { type, requestId, content } of parser.push(Buffer.from(chunk))) {
      found.push([type, requestId, content.toString("hex")]);
    }
  }
  assert.equal(parser.isMidRecord, false);
  return found;
}

describe("RecordParser", () => {
  for (const { name, hex, type, requestId, content } of records) {
    test(`reads ${name} at every split, with what follows`, () => {
      const twice = Buffer.concat([bytes(hex), bytes(hex), bytes("01 05 0009 0001 00 00 5a")]);
      for (const chunks of chunkings(twice)) {
        assert.deepEqual(parse(chunks), [
          [type, requestId, content],
          [type, requestId, content],
          [5, 9, "5a"],
        ]);
      }
    });
  }

  test("reads 65,535 bytes of content with 255 of padding (3.3)", () => {
    const record = Buffer.alloc(8 + 65_535 + 255, 7);
    record.set(bytes("01 05 0001 ffff ff 00"));
    for (const chunks of chunkings(record)) {
      const [[type, requestId, content] = [0, 0, ""]] = parse(chunks);
      assert.deepEqual([type, requestId, content.length], [5, 1, 131_070]);
    }
  });

  test("isMidRecord is true while a record is incomplete", () => {
    const parser = new RecordParser();
    const states = Array.from(bytes("01 05 0001 0002 01 00 4142 00"), (byte) => {
      parser.push(Buffer.of(byte));
      return parser.isMidRecord;
    });
    assert.deepEqual(states, [...new Array(10).fill(true), false]);
    parser.push(bytes("01 05 0001 0000 00 00"));
    assert.equal(parser.isMidRecord, false);
  });

  for (const [first, hint] of [
    [0, ""],
    [2, ""],
    [255, ""],
    [22, "TLS"],
    [71, "HTTP"],
    [80, "HTTP"],
  ] as const) {
    test(`refuses version ${first} at its first byte${hint && `, and names ${hint}`}`, () => {
      const message = new RegExp(`version of a record is ${first}, not 1.*${hint}`);
      const expected = { name: "ProtocolError", code: "ERR_FCGI_PROTOCOL", message };
      assert.throws(() => new RecordParser().push(Buffer.of(first)), expected);
      assert.throws(() => new RecordParser().push(Buffer.alloc(8, first)), expected);
      const after = Buffer.concat([bytes("01 05 0001 0000 00 00"), Buffer.of(first)]);
      assert.throws(() => new RecordParser().push(after), ProtocolError);
    });
  }
});
