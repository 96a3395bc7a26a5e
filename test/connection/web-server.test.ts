import assert from "node:assert/strict";
import test from "node:test";
import { WebServerConnection } from "../../src/connection/web-server.ts";
import { encodeNameValuePairs, RecordParser } from "../../src/protocol/index.ts";

/** A connection whose requests are names, and the calls of its handler. */
function start(): { connection: WebServerConnection<string>; events: unknown[][] } {
  const events: unknown[][] = [];
  /** Joins pieces of one stream, because their number depends on the split. */
  const add = (kind: string, request: string, content: Buffer) => {
    const last = events.at(-1);
    if (last?.[0] === kind && last[1] === request) last[2] += String(content);
    else events.push([kind, request, String(content)]);
  };
  const connection = new WebServerConnection<string>({
    onStdout: (request, content) => add("stdout", request, content),
    onStderr: (request, content) => add("stderr", request, content),
    onEnd: (request, appStatus, protocolStatus) => events.push(["end", request, appStatus, protocolStatus]),
    onAbortConfirmed: (request) => events.push(["confirmed", request]),
    onValues: (values) => events.push(["values", Object.fromEntries(values)]),
  });
  return { connection, events };
}

const BEGIN = { role: 1, keepConn: false, params: Buffer.alloc(0) } as const;

/** Bytes in hexadecimal; spaces are ignored. */
function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}

function toHex(bytes: Uint8Array[]): string {
  return Buffer.concat(bytes).toString("hex");
}

/** Records of request 1. */
const STDOUT_HELLO = "01 06 0001 0005 03 00 68656c6c6f 000000";
const STDOUT_END = "01 06 0001 0000 00 00";
const STDERR_NO = "01 07 0001 0002 00 00 6e6f";
const STDERR_END = "01 07 0001 0000 00 00";
const END_REQUEST = "01 03 0001 0008 00 00 00000000 00 000000";

test("encodes a request with all its params (5.1, 5.2)", () => {
  const { connection } = start();
  const { requestId, bytes } = connection.begin("a", {
    role: 1,
    keepConn: true,
    params: encodeNameValuePairs([["A", "b"]]),
  });
  assert.equal(requestId, 1);
  assert.equal(
    toHex(bytes),
    "0101000100080000" +
      "0001010000000000" +
      "0104000100040400" +
      "01014162" +
      "00000000" +
      "0104000100000000",
  );
});

test("encodes stdin and its end once, and no empty record before (5.3)", () => {
  const { connection } = start();
  connection.begin("a", BEGIN);
  assert.equal(toHex(connection.stream(5, 1, Buffer.alloc(0))), "");
  assert.equal(
    toHex(connection.stream(5, 1, Buffer.from("abcdefgh"))),
    "0105000100080000" + "6162636465666768",
  );
  assert.equal(toHex(connection.streamEnd(5, 1)), "0105000100000000");
  assert.equal(toHex(connection.streamEnd(5, 1)), "");
  assert.equal(toHex(connection.stream(5, 1, Buffer.from("late"))), "");
  assert.equal(toHex(connection.streamEnd(8, 1)), "0108000100000000");
});

test("splits params over 65,528 bytes over several records", () => {
  const { connection } = start();
  const { bytes } = connection.begin("a", {
    ...BEGIN,
    params: encodeNameValuePairs([["A", "x".repeat(70_000)]]),
  });
  const records = new RecordParser().push(Buffer.concat(bytes));
  assert.deepEqual(
    records.map(({ type, content }) => [type, content.length]),
    [
      [1, 8],
      [4, 65528],
      [4, 70_006 - 65528],
      [4, 0],
    ],
  );
});

test("calls the handler for what the application sends, at every split", () => {
  const bytes = hex(STDOUT_HELLO + STDERR_NO + STDOUT_HELLO + STDOUT_END + STDERR_END + END_REQUEST);
  const expected = [
    ["stdout", "a", "hello"],
    ["stderr", "a", "no"],
    ["stdout", "a", "hello"],
    ["end", "a", 0, 0],
  ];
  for (let i = 0; i <= bytes.length; i++) {
    const { connection, events } = start();
    connection.begin("a", BEGIN);
    connection.push(bytes.subarray(0, i));
    connection.push(bytes.subarray(i));
    assert.deepEqual(events, expected);
    assert.equal(connection.openRequests, 0);
  }
  const { connection, events } = start();
  connection.begin("a", BEGIN);
  for (const byte of bytes) connection.push(Buffer.of(byte));
  assert.deepEqual(events, expected);
});

test("separates requests of one connection, and uses each id once, in ascending order", () => {
  const { connection, events } = start();
  assert.equal(connection.begin("a", BEGIN).requestId, 1);
  assert.equal(connection.begin("b", BEGIN).requestId, 2);
  connection.push(hex(STDOUT_HELLO.replace("0001", "0002") + STDOUT_HELLO + END_REQUEST));
  assert.equal(connection.begin("c", BEGIN).requestId, 3);
  connection.push(hex(STDERR_NO.replace("0001", "0003")));
  assert.deepEqual(events, [
    ["stdout", "b", "hello"],
    ["stdout", "a", "hello"],
    ["end", "a", 0, 0],
    ["stderr", "c", "no"],
  ]);
  assert.equal(connection.openRequests, 2);
  assert.equal(connection.endedRequests, 1);
});

test("has 65,535 ids", () => {
  const { connection } = start();
  for (let n = 1; n <= 65535; n++) {
    assert.equal(connection.isExhausted, false);
    const { requestId } = connection.begin("a", BEGIN);
    assert.equal(requestId, n);
    const end = hex(END_REQUEST);
    end.writeUInt16BE(n, 2);
    connection.push(end);
  }
  assert.equal(connection.isExhausted, true);
  assert.throws(() => connection.begin("a", BEGIN), RangeError);
});

test("ignores records of a request that has ended while others are open", () => {
  const { connection, events } = start();
  connection.begin("a", BEGIN);
  connection.begin("b", BEGIN);
  connection.push(hex(END_REQUEST));
  connection.begin("c", BEGIN);
  connection.push(hex(STDOUT_HELLO + STDERR_NO + STDOUT_END + END_REQUEST));
  assert.deepEqual(events, [["end", "a", 0, 0]]);
  assert.equal(connection.openRequests, 2);
});

test("refuses records while no request is open, except for padding of the last record", () => {
  for (const bytes of [STDOUT_HELLO, STDOUT_END, STDERR_END, END_REQUEST, "01 63 0000 0000 00 00"]) {
    const { connection } = start();
    connection.begin("a", BEGIN);
    connection.push(hex("01 03 0001 0008 03 00 00000000 00 000000"));
    connection.push(hex("000000"));
    assert.throws(() => connection.push(hex(bytes)), { code: "ERR_FCGI_PROTOCOL" }, bytes);
  }
});

test("knows whether the application has sent a record for a request", () => {
  for (const bytes of [STDOUT_HELLO, STDOUT_END, STDERR_NO, STDERR_END]) {
    const { connection } = start();
    connection.begin("a", BEGIN);
    connection.begin("b", BEGIN);
    connection.push(hex(bytes));
    assert.equal(connection.hasBegun(1), true);
    assert.equal(connection.hasBegun(2), false);
  }
});

test("decodes appStatus as unsigned 32 bits, and the protocol status (5.5)", () => {
  const { connection, events } = start();
  connection.begin("a", BEGIN);
  connection.push(hex("01 03 0001 0008 00 00 fffffffe 03 000000"));
  assert.deepEqual(events, [["end", "a", 0xfffffffe, 3]]);
});

test("ignores records of unknown types, and FCGI_UNKNOWN_TYPE", () => {
  const { connection, events } = start();
  connection.begin("a", BEGIN);
  connection.push(hex("01 63 0000 0001 00 00 ff"));
  connection.push(hex("01 0b 0000 0008 00 00 63 00000000000000"));
  assert.deepEqual(events, []);
});

test("sends nothing for a request that has ended", () => {
  const { connection } = start();
  connection.begin("a", BEGIN);
  connection.push(hex(END_REQUEST));
  assert.deepEqual(connection.stream(5, 1, Buffer.from("x")), []);
  assert.deepEqual(connection.streamEnd(5, 1), []);
  assert.deepEqual(connection.abort(1), []);
});

test("ignores output of an aborted request, and reports that the abort is confirmed (5.4)", () => {
  const { connection, events } = start();
  connection.begin("a", BEGIN);
  assert.equal(toHex(connection.abort(1)), "0102000100000000");
  assert.deepEqual(connection.abort(1), []);
  assert.deepEqual(connection.stream(5, 1, Buffer.from("x")), []);
  connection.push(hex(STDOUT_HELLO + STDERR_NO));
  assert.equal(connection.begin("b", BEGIN).requestId, 2);
  connection.push(hex(END_REQUEST));
  assert.deepEqual(events, [["confirmed", "a"]]);
  assert.equal(connection.openRequests, 1);
  assert.equal(connection.begin("c", BEGIN).requestId, 3);
});

test("requests values and decodes the result, also an empty one, at every split (4.1)", () => {
  const bytes = hex("01 0a 0000 0004 00 00 01 01 41 31" + "01 0a 0000 0000 00 00");
  for (let i = 0; i <= bytes.length; i++) {
    const { connection, events } = start();
    assert.equal(toHex(connection.getValues(["A", "BC"])), "0109000000070100" + "010041" + "02004243" + "00");
    connection.getValues([]);
    connection.push(bytes.subarray(0, i));
    connection.push(bytes.subarray(i));
    assert.deepEqual(events, [
      ["values", { A: "1" }],
      ["values", {}],
    ]);
  }
});

test("takes FCGI_UNKNOWN_TYPE for a result without values (4.2)", () => {
  const { connection, events } = start();
  connection.getValues(["A"]);
  connection.push(hex("01 0b 0000 0008 00 00 09 00000000000000"));
  assert.deepEqual(events, [["values", {}]]);
});

test("ignores values that were not requested while a request is open", () => {
  const { connection, events } = start();
  connection.begin("a", BEGIN);
  connection.push(hex("01 0a 0000 0004 00 00 01 01 41 31" + "01 0a 0000 0000 00 00"));
  assert.deepEqual(events, []);
});

test("refuses records that an application may not send", () => {
  for (const [bytes, code] of [
    ["48545450 2f312e31", "ERR_FCGI_PROTOCOL"],
    ["01 01 0001 0008 00 00 0001 00 0000000000", "ERR_FCGI_PROTOCOL"],
    ["01 05 0001 0000 00 00", "ERR_FCGI_PROTOCOL"],
    ["01 09 0000 0000 00 00", "ERR_FCGI_PROTOCOL"],
    ["01 03 0001 0007 00 00", "ERR_FCGI_PROTOCOL"],
    ["01 03 0001 0008 00 00 00000000 04 000000", "ERR_FCGI_PROTOCOL"],
    ["01 0a 0000 0002 00 00 05 05", "ERR_FCGI_PROTOCOL"],
    [STDOUT_HELLO.replace("0001", "0002"), "ERR_FCGI_PROTOCOL"],
    [END_REQUEST.replace("0001", "0000"), "ERR_FCGI_PROTOCOL"],
    [STDOUT_END + STDOUT_HELLO, "ERR_FCGI_PROTOCOL"],
    [STDERR_END + STDERR_NO, "ERR_FCGI_PROTOCOL"],
  ] as const) {
    const { connection } = start();
    connection.begin("a", BEGIN);
    connection.getValues([]);
    assert.throws(() => connection.push(hex(bytes)), { code }, bytes);
  }
});
