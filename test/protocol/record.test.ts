import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as protocol from "../../src/protocol/index.ts";
import { bytes } from "./vectors.ts";

const { RecordType, Role } = protocol;

describe("records that are written (3.3)", () => {
  const cases: readonly [name: string, actual: Buffer, hex: string][] = [
    [
      "BEGIN_REQUEST (5.1)",
      protocol.encodeBeginRequest(1, Role.RESPONDER, protocol.KEEP_CONN),
      "01 01 0001 0008 00 00 0001 01 0000000000",
    ],
    [
      "BEGIN_REQUEST of the Filter role (5.1)",
      protocol.encodeBeginRequest(65535, Role.FILTER, 0),
      "01 01 ffff 0008 00 00 0003 00 0000000000",
    ],
    ["ABORT_REQUEST (5.4)", protocol.encodeAbortRequest(258), "01 02 0102 0000 00 00"],
    ["END_REQUEST (5.5)", protocol.encodeEndRequest(1, 938, 2), "01 03 0001 0008 00 00 000003aa 02 000000"],
    [
      "END_REQUEST with a negative status",
      protocol.encodeEndRequest(1, -1, 0),
      "01 03 0001 0008 00 00 ffffffff 00 000000",
    ],
    ["UNKNOWN_TYPE (4.2)", protocol.encodeUnknownType(200), "01 0b 0000 0008 00 00 c8 00000000000000"],
    ["the end of a stream", protocol.encodeStreamEnd(RecordType.STDOUT, 7), "01 06 0007 0000 00 00"],
    [
      "a record padded with zeroes to a multiple of 8",
      protocol.encodeRecord(5, 1, Buffer.from("hello")),
      "01 05 0001 0005 03 00 68656c6c6f 000000",
    ],
    [
      "a record of 8 bytes without padding",
      protocol.encodeRecord(5, 0, Buffer.from("01234567")),
      "01 05 0000 0008 00 00 3031323334353637",
    ],
  ];
  for (const [name, actual, hex] of cases) {
    test(`are written as specified: ${name}`, () => assert.deepEqual(actual, bytes(hex)));
  }

  test("split a stream into records that are multiples of 8 bytes", () => {
    for (const [length, contents] of [
      [0, []],
      [1, [1]],
      [65_528, [65_528]],
      [65_529, [65_528, 1]],
      [66_000, [65_528, 472]],
      [131_056, [65_528, 65_528]],
    ] as const) {
      const content = Buffer.alloc(length, "c");
      const stream = Buffer.concat(protocol.encodeStream(RecordType.STDOUT, 1, content));
      assert.equal(stream.length % 8, 0);
      const found = new protocol.RecordParser().push(stream);
      assert.deepEqual(
        found.map((record) => record.content.length),
        contents,
      );
      assert.deepEqual(Buffer.concat(found.map((record) => record.content)), content);
    }
  });

  test("share the memory of their content, and end in padding of zeroes", () => {
    const content = Buffer.from("abc");
    const [, piece, padding] = protocol.encodeStream(RecordType.STDOUT, 1, content);
    assert.equal(piece?.buffer, content.buffer);
    assert.deepEqual(Buffer.from(padding ?? []), Buffer.alloc(5));
  });

  test("are refused if a number does not fit", () => {
    const none = Buffer.alloc(0);
    assert.throws(() => protocol.encodeRecord(5, 1, Buffer.alloc(65_536)), /65536 bytes, at most 65535 fit/);
    assert.equal(protocol.encodeRecord(5, 1, Buffer.alloc(65_535)).length, 65_544);
    for (const id of [-1, 65_536, 1.5, Number.NaN]) {
      assert.throws(() => protocol.encodeRecord(5, id, none), RangeError);
    }
    for (const encode of [
      () => protocol.encodeStream(RecordType.STDOUT, 0, none),
      () => protocol.encodeStreamEnd(RecordType.STDOUT, 0),
      () => protocol.encodeBeginRequest(0, Role.RESPONDER, 0),
      () => protocol.encodeEndRequest(0, 0, 0),
      () => protocol.encodeAbortRequest(0),
    ]) {
      assert.throws(encode, { name: "RangeError", message: /request id is 0, not an integer from 1/ });
    }
  });
});

describe("bodies of records", () => {
  test("are decoded as they were encoded", () => {
    const parser = new protocol.RecordParser();
    for (const role of [1, 2, 3, 0, 258, 65_535]) {
      for (const flags of [0, protocol.KEEP_CONN, 255]) {
        const [record] = parser.push(protocol.encodeBeginRequest(1, role, flags));
        assert.deepEqual(protocol.decodeBeginRequest(record!.content), { role, flags });
      }
    }
    for (const appStatus of [0, 1, 0xffff_ffff]) {
      for (const protocolStatus of Object.values(protocol.ProtocolStatus)) {
        const [record] = parser.push(protocol.encodeEndRequest(1, appStatus, protocolStatus));
        assert.deepEqual(protocol.decodeEndRequest(record!.content), { appStatus, protocolStatus });
      }
    }
  });

  test("of another length than 8, or with an unknown protocol status, are a ProtocolError", () => {
    for (const length of [0, 7, 9]) {
      const body = Buffer.alloc(length);
      assert.throws(() => protocol.decodeBeginRequest(body), protocol.ProtocolError);
      assert.throws(() => protocol.decodeEndRequest(body), protocol.ProtocolError);
    }
    assert.throws(() => protocol.decodeEndRequest(bytes("00000000 04 000000")), /the protocol status 4/);
  });
});
