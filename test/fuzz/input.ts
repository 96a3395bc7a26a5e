import { Random } from "../support/random.ts";
import * as wire from "../support/wire.ts";
import { makeFlood } from "./floods.ts";

/** What one connection is sent, and how it ends. */
export interface Input {
  readonly bytes: Buffer;
  /** Where `bytes` is cut into writes. */
  readonly cuts: readonly number[];
  /** With `stay` the server must close. */
  readonly ending: "fin" | "reset" | "leave" | "stay";
  /** Whether the input was not mutated, so that its responses must be complete. */
  readonly isValid: boolean;
  /** Whether responses are read only when the server reads no more or everything is sent. */
  readonly isUnread?: boolean;
}

/** The share of inputs that are floods. */
const FLOODS = 0.08;
const EMPTY: Buffer = Buffer.alloc(0);
const IDS = [1, 1, 1, 2, 3, 255, 256, 65535, 0];
const METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "get", "PRI", "", "G\u0000T"];
const NAMES = [
  "HTTP_HOST",
  "HTTP_COOKIE",
  "HTTP_X",
  "HTTP_",
  "HTTP___PROTO__",
  "__proto__",
  "toString",
  "CONTENT_LENGTH",
  "CONTENT_TYPE",
  "HTTP_CONTENT_LENGTH",
  "HTTP_TRANSFER_ENCODING",
  "HTTP_PROXY",
  "SERVER_PROTOCOL",
  "REMOTE_PORT",
  "HTTPS",
  "",
];
const VALUES = [
  "",
  "0",
  "5",
  "-1",
  "1e99",
  "abc",
  "chunked",
  "on",
  "a\r\nb: c",
  "\u0000",
  "HTTP/2.0",
  "99999",
];
/** What the application of the fuzzer does; see server.ts. */
const URLS = ["/", "/read", "/stream", "/throw", "/break", "/destroy", "/late", "/stderr", "*", "", "//"];

/** Makes the input with this number; the same seed and number make the same input. */
export function makeInput(seed: number, index: number): Input {
  const random = new Random(seed, index);
  if (random.chance(FLOODS)) return makeFlood(random);
  const records = makeSession(random);
  const isValid = random.chance(0.1);
  if (!isValid) {
    for (let count = random.integer(1, 4); count > 0; count--) mutateRecords(random, records);
  }
  let bytes: Buffer = Buffer.concat(records);
  if (!isValid && random.chance(0.3)) bytes = mutateBytes(random, bytes);
  const cuts: number[] = [];
  for (let count = random.pick([0, 0, 1, 2, 5]); count > 0; count--)
    cuts.push(random.integer(0, bytes.length));
  cuts.sort((a, b) => a - b);
  return {
    bytes,
    cuts,
    ending: isValid ? "fin" : random.pick(["fin", "fin", "fin", "reset", "leave"]),
    isValid,
  };
}

function makeSession(random: Random): Buffer[] {
  const records: Buffer[] = [];
  const count = random.pick([1, 1, 1, 2, 3]);
  for (let id = 1; id <= count; id++) {
    const body = random.bytes(random.pick([0, 0, 5, 300, 9000]));
    const flags = count > 1 ? wire.KEEP_CONN : random.integer(0, 1);
    const padding = random.pick([0, 0, 7, 255]);
    const params = wire.pairs([
      ["REQUEST_METHOD", body.length > 0 ? "POST" : "GET"],
      ["REQUEST_URI", random.pick(URLS.slice(0, 3))],
      ["SERVER_PROTOCOL", "HTTP/1.1"],
      ["CONTENT_LENGTH", body.length > 0 ? String(body.length) : ""],
      ["HTTP_HOST", "h"],
    ]);
    const size = random.pick([65535, 65535, 20, 1]);
    records.push(wire.begin(id, flags), wire.stream(wire.PARAMS, id, params, size));
    records.push(wire.record(wire.PARAMS, id, "", { padding }));
    records.push(wire.stream(wire.STDIN, id, body, Math.max(size, 300)), wire.record(wire.STDIN, id));
  }
  return records;
}

type Mutation = (random: Random, records: Buffer[], at: number) => void;

const mutations: readonly Mutation[] = [
  (_random, records, at) => void records.splice(at, 1),
  (_random, records, at) => void records.splice(at, 0, Buffer.from(records[at] ?? EMPTY)),
  (random, records, at) => {
    const other = random.integer(0, records.length - 1);
    [records[at], records[other]] = [records[other] ?? EMPTY, records[at] ?? EMPTY];
  },
  (random, records, at) => void records.splice(at, 0, makeRecord(random)),
  (random, records, at) => void records.splice(at, 0, makeRecord(random)),
  (random, records, at) => void records.splice(at, 0, makeParams(random)),
  (random, records, at) => void records.splice(at, 0, makeParams(random)),
  (random, records, at) => void records.splice(at, 0, makeManagement(random)),
  (random, records, at) => void records.splice(at, 0, wire.record(wire.ABORT_REQUEST, random.pick(IDS))),
  (random, records, at) => {
    const body = { flags: random.integer(0, 255), role: random.pick([0, 1, 1, 2, 3, 65535]) };
    records.splice(at, 0, wire.begin(random.pick(IDS), body.flags, body.role, random.integer(0, 255)));
  },
  (random, records, at) => {
    // A header that lies.
    const record = Buffer.from(records[at] ?? EMPTY);
    if (record.length >= 8) record[random.integer(0, 7)] = random.integer(0, 255);
    records[at] = record;
  },
  (random, records, at) => {
    // Many empty or tiny records.
    const one = wire.record(random.integer(0, 12), random.pick(IDS), random.bytes(random.integer(0, 1)));
    records.splice(at, 0, ...new Array<Buffer>(random.integer(2, 200)).fill(one));
  },
  (random, records) => void records.splice(random.integer(0, records.length)),
];

function mutateRecords(random: Random, records: Buffer[]): void {
  random.pick(mutations)(random, records, random.integer(0, Math.max(0, records.length - 1)));
}

function makeRecord(random: Random): Buffer {
  return wire.record(
    random.integer(0, 20),
    random.pick(IDS),
    random.bytes(random.pick([0, 1, 7, 8, 9, 255, 65535])),
    {
      padding: random.pick([0, 1, 255]),
      paddingByte: random.integer(0, 255),
      reserved: random.integer(0, 255),
    },
  );
}

function makeParams(random: Random): Buffer {
  const pieces: Buffer[] = [];
  for (let count = random.integer(1, 20); count > 0; count--) pieces.push(makePair(random));
  // A length that points far beyond the stream.
  if (random.chance(0.1)) pieces.push(Buffer.of(random.integer(0, 255), 255, 255, 255, 255, 255, 255, 255));
  return wire.stream(wire.PARAMS, random.pick(IDS), Buffer.concat(pieces), random.pick([65535, 100, 3]));
}

function makePair(random: Random): Buffer {
  const options = { longName: random.chance(0.1), longValue: random.chance(0.1) };
  switch (random.integer(0, 12)) {
    case 0:
      return random.bytes(random.integer(1, 10));
    case 1:
    case 2:
      return wire.pair("REQUEST_METHOD", random.pick(METHODS), options);
    case 3:
    case 4:
      return wire.pair("REQUEST_URI", random.pick(URLS), options);
    case 5:
      return wire.pair("HTTP_BIG", random.bytes(random.pick([127, 128, 9000])));
    default:
      return wire.pair(random.pick(NAMES), random.pick(VALUES), options);
  }
}

function makeManagement(random: Random): Buffer {
  const names = ["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS", "FCGI_OTHER", "", "__proto__"];
  const asked = Array.from({ length: random.integer(0, 40) }, () => wire.pair(random.pick(names), ""));
  const content = random.chance(0.2) ? random.bytes(random.integer(0, 40)) : Buffer.concat(asked);
  return wire.record(random.pick([9, 9, 10, 11, 12, 200, 0]), 0, content);
}

function mutateBytes(random: Random, bytes: Buffer): Buffer {
  const result = Buffer.from(bytes);
  if (result.length === 0) return random.bytes(random.integer(1, 40));
  for (let count = random.integer(1, 8); count > 0; count--) {
    result[random.integer(0, result.length - 1)] = random.pick([0, 1, 127, 128, 255, random.integer(0, 255)]);
  }
  const at = random.integer(0, result.length);
  if (random.chance(0.3)) return result.subarray(0, at);
  return random.chance(0.3)
    ? Buffer.concat([result.subarray(0, at), random.bytes(9), result.subarray(at)])
    : result;
}
