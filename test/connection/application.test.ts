import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApplicationConnection } from "../../src/connection/application.ts";
import type { ApplicationLimits } from "../../src/connection/application-request.ts";
import { chunkings } from "../support/chunkings.ts";
import * as wire from "../support/wire.ts";
import { limits, Recorder } from "./recorder.ts";

function start(options: Partial<ApplicationLimits> = {}, endsAtOnce = false) {
  const recorder = new Recorder();
  const connection = new ApplicationConnection(recorder, { ...limits, ...options });
  recorder.connection = connection;
  recorder.endsAtOnce = endsAtOnce;
  return { connection, recorder, calls: recorder.calls };
}

const params = (id: number, text: string): Buffer => wire.record(wire.PARAMS, id, text);
const stdin = (id: number, text = ""): Buffer => wire.record(wire.STDIN, id, text);

describe("ApplicationConnection turns records into calls", () => {
  const cases: readonly [name: string, records: Buffer[], calls: string[], endsAtOnce?: boolean][] = [
    [
      "a request with a body",
      [wire.begin(1, 1), params(1, "abc"), params(1, ""), stdin(1, "body"), stdin(1)],
      ["begin 1 role 1 keep", "request 1: abc", "stdin 1: body", "stdin end 1"],
    ],
    [
      "params in several records",
      [wire.begin(1), params(1, "a"), params(1, "b"), params(1, "cd"), params(1, ""), stdin(1)],
      ["begin 1 role 1", "request 1: abcd", "stdin end 1"],
    ],
    [
      "STDIN before the params have ended (3.3: streams are independent)",
      [wire.begin(1), stdin(1, "bo"), params(1, "a"), stdin(1, "dy"), stdin(1), params(1, "")],
      ["begin 1 role 1", "request 1: a", "stdin 1: body", "stdin end 1"],
    ],
    [
      "requests that interleave (3.3)",
      [
        wire.begin(1, 1),
        wire.begin(2, 1),
        params(2, "b"),
        params(1, "a"),
        params(2, ""),
        params(1, ""),
        stdin(2, "2"),
        stdin(1, "1"),
      ],
      [
        "begin 1 role 1 keep",
        "begin 2 role 1 keep",
        "request 2: b",
        "request 1: a",
        "stdin 2: 2",
        "stdin 1: 1",
      ],
    ],
    [
      "records of requests that are not open (3.3)",
      [
        params(9, "x"),
        stdin(9, "x"),
        stdin(9),
        wire.record(wire.ABORT_REQUEST, 9),
        wire.record(77, 9, "x"),
        wire.begin(1),
      ],
      ["begin 1 role 1"],
    ],
    [
      "what follows the end of a stream",
      [wire.begin(1), params(1, ""), params(1, "late"), params(1, ""), stdin(1), stdin(1, "late"), stdin(1)],
      ["begin 1 role 1", "request 1: ", "stdin end 1"],
    ],
    [
      "FCGI_DATA in the Filter role only, held until the params have ended, and ignored after its end (6.4)",
      [
        wire.begin(1, 0, 3),
        wire.record(wire.DATA, 1, "early "),
        params(1, ""),
        wire.record(wire.DATA, 1, "file"),
        wire.record(wire.DATA, 1),
        wire.record(wire.DATA, 1, "late"),
        wire.record(wire.DATA, 1),
        wire.begin(2),
        params(2, ""),
        wire.record(wire.DATA, 2, "file"),
        wire.record(wire.DATA, 2),
      ],
      ["begin 1 role 3", "request 1: ", "data 1: early file", "data end 1", "begin 2 role 1", "request 2: "],
    ],
    [
      "FCGI_DATA that ends before the params do",
      [wire.begin(1, 0, 3), wire.record(wire.DATA, 1, "file"), wire.record(wire.DATA, 1), params(1, "")],
      ["begin 1 role 3", "request 1: ", "data 1: file", "data end 1"],
    ],
    [
      "ABORT_REQUEST, before and after the params, after the response, with content too (5.4)",
      [
        wire.begin(1),
        wire.record(wire.ABORT_REQUEST, 1),
        wire.begin(2),
        params(2, ""),
        wire.record(wire.ABORT_REQUEST, 2, "content"),
        wire.record(wire.ABORT_REQUEST, 2),
      ],
      ["begin 1 role 1", "abort 1", "begin 2 role 1", "request 2: ", "abort 2", "let go 2"],
    ],
    [
      "the rest of STDIN after the response, then the id again",
      [wire.begin(1), params(1, ""), stdin(1, "late"), stdin(1), wire.begin(1), params(1, "")],
      ["begin 1 role 1", "request 1: ", "stdin 1: late", "stdin end 1", "begin 1 role 1", "request 1: "],
      true,
    ],
    [
      "the id again although the rest of STDIN did not come",
      [wire.begin(1), params(1, ""), wire.begin(1)],
      ["begin 1 role 1", "request 1: ", "replaced 1", "begin 1 role 1"],
      true,
    ],
    [
      "an unknown role: END_REQUEST with UNKNOWN_ROLE; the connection closes without KEEP_CONN (5.5)",
      [wire.begin(1, 1, 2), wire.begin(2, 0, 2), wire.begin(3, 0, 258)],
      [
        "reply 01030001000800000000000003000000",
        "reply 01030002000800000000000003000000 closes",
        "reply 01030003000800000000000003000000 closes",
      ],
    ],
    [
      "a request too many: END_REQUEST with OVERLOADED",
      [1, 2, 3, 4].map((id) => wire.begin(id, 1)),
      [
        "begin 1 role 1 keep",
        "begin 2 role 1 keep",
        "begin 3 role 1 keep",
        "reply 01030004000800000000000002000000",
      ],
    ],
    [
      "an unknown management record: UNKNOWN_TYPE (4.2)",
      [wire.record(12, 0), wire.record(0, 0, "content"), wire.record(11, 0), wire.record(10, 0, "x")],
      ["reply 010b0000000800000c00000000000000", "reply 010b0000000800000000000000000000"],
    ],
    [
      "GET_VALUES without names (4.1)",
      [wire.record(wire.GET_VALUES, 0), wire.record(wire.GET_VALUES, 5, "x")],
      ["reply 010a000000000000"],
    ],
    [
      "params that are too large: the rest is dropped",
      [
        wire.begin(1),
        params(1, "x".repeat(600)),
        params(1, "x".repeat(600)),
        params(1, "y"),
        params(1, ""),
        stdin(1),
      ],
      ["begin 1 role 1", "request 1: too large", "stdin end 1"],
    ],
  ];
  for (const [name, records, expected, endsAtOnce] of cases) {
    test(`${name}, at every split`, () => {
      for (const chunks of chunkings(Buffer.concat(records))) {
        const { connection, calls } = start({}, endsAtOnce);
        for (const chunk of chunks) connection.push(chunk);
        assert.deepEqual(calls, expected);
        assert.equal(connection.isMidRecord, false);
      }
    });
  }

  test("responds to GET_VALUES with the known names, each once (4.1)", () => {
    const { connection, calls } = start();
    const names = ["FCGI_MAX_REQS", "FCGI_NONSENSE", "FCGI_MPXS_CONNS", "FCGI_MAX_REQS", "__proto__"];
    connection.push(wire.record(wire.GET_VALUES, 0, wire.pairs(names.map((name) => [name, ""]))));
    const content = wire.pairs([
      ["FCGI_MAX_REQS", "3"],
      ["FCGI_MPXS_CONNS", "1"],
    ]);
    const padding = -content.length & 7;
    assert.deepEqual(calls, [
      `reply ${wire.record(wire.GET_VALUES_RESULT, 0, content, { padding }).toString("hex")}`,
    ]);
  });

  test("refuses a second request with CANT_MPX_CONN if the limit is one", () => {
    const { connection, calls } = start({ maxRequestsPerConnection: 1 });
    connection.push(Buffer.concat([wire.begin(1, 1), wire.begin(2, 1)]));
    assert.deepEqual(calls, ["begin 1 role 1 keep", "reply 01030002000800000000000001000000"]);
  });
});

describe("ApplicationConnection refuses", () => {
  const cases: readonly [name: string, bytes: Buffer, code: string, message: RegExp][] = [
    [
      "BEGIN_REQUEST of 9 bytes",
      wire.record(1, 7, Buffer.alloc(9)),
      "ERR_FCGI_PROTOCOL",
      /request 7 holds 9 bytes, not 8/,
    ],
    ["an empty BEGIN_REQUEST", wire.record(1, 7), "ERR_FCGI_PROTOCOL", /holds 0 bytes/],
    ["BEGIN_REQUEST with id 0", wire.begin(0), "ERR_FCGI_PROTOCOL", /request id 0/],
    [
      "BEGIN_REQUEST for an open id",
      Buffer.concat([wire.begin(1), wire.begin(1)]),
      "ERR_FCGI_PROTOCOL",
      /request 1, which is open/,
    ],
    [
      "params beyond the limit on the wire",
      Buffer.concat([wire.begin(1), params(1, "x".repeat(4001))]),
      "ERR_FCGI_LIMIT",
      /params of request 1 exceed 4000 bytes/,
    ],
    [
      "too much STDIN before the end of params",
      Buffer.concat([wire.begin(1), stdin(1, "x".repeat(101))]),
      "ERR_FCGI_LIMIT",
      /over 100 bytes of stdin/,
    ],
    ["broken GET_VALUES", wire.record(9, 0, Buffer.of(9)), "ERR_FCGI_PROTOCOL", /pair 1/],
    ["version 0", Buffer.of(0), "ERR_FCGI_PROTOCOL", /version of a record is 0/],
  ];
  for (const [name, bytes, code, message] of cases) {
    test(`${name}, at every split`, () => {
      for (const chunks of chunkings(bytes)) {
        const { connection } = start();
        const push = (): void => {
          for (const chunk of chunks) connection.push(chunk);
        };
        assert.throws(push, { code, message });
      }
    });
  }
});

test("a connection counts its open requests, and forgets those with a response when their STDIN has ended", () => {
  const { connection, recorder } = start();
  const sizes = (): number[] => [
    connection.requests.openSize,
    connection.requests.size,
    connection.requests.toArray().length,
  ];
  connection.push(Buffer.concat([wire.begin(1, 1), params(1, ""), wire.begin(2, 1), params(2, "")]));
  assert.deepEqual(sizes(), [2, 2, 2]);
  const [one, two] = recorder.requests;
  connection.requests.end(one!);
  connection.requests.end(one!);
  assert.deepEqual(sizes(), [1, 2, 2]);
  connection.push(stdin(1));
  assert.deepEqual(sizes(), [1, 1, 1]);
  connection.requests.forget(two!);
  assert.deepEqual(sizes(), [0, 0, 0]);
  connection.push(wire.begin(3, 1));
  connection.requests.end(recorder.requests[2]!);
  assert.deepEqual(sizes(), [0, 0, 0], "a request without params has no rest of STDIN to wait for");
});

test("early STDIN in 100,000 records of one byte takes linear time", () => {
  const { connection, calls } = start({ maxEarlyStdinLength: 200_000 });
  const startedAt = performance.now();
  connection.push(Buffer.concat([wire.begin(1), ...new Array(100_000).fill(stdin(1, "x")), params(1, "")]));
  assert.equal(calls.at(-1), `stdin 1: ${"x".repeat(100_000)}`);
  assert.ok(performance.now() - startedAt < 2000);
});
