import type { Random } from "../support/random.ts";
import * as wire from "../support/wire.ts";
import type { Input } from "./input.ts";

const FILTER = 3;

/** Sessions that ask for more than a server may keep, in the shapes that once made one keep it. */
const shapes: readonly ((random: Random) => Input)[] = [
  beginAndAbort,
  oneByteRecords,
  unreadOutput,
  unendedStdin,
  lingering,
  bothStreamsOfAFilter,
  waitingForABody,
  readOn,
];

export function makeFlood(random: Random): Input {
  return random.pick(shapes)(random);
}

interface Begun {
  readonly url: string;
  readonly length?: number;
  readonly flags?: number;
  readonly role?: number;
  readonly params?: Buffer;
}

function begin(id: number, { url, length, flags = wire.KEEP_CONN, role = 1, params }: Begun): Buffer {
  const pairs = [
    ["REQUEST_METHOD", "POST"],
    ["REQUEST_URI", url],
    ["SERVER_PROTOCOL", "HTTP/1.1"],
    ["CONTENT_LENGTH", length === undefined ? "" : String(length)],
    ...(params === undefined ? [] : ([["HTTP_X", params]] as const)),
  ] as const;
  return wire.requestHead(id, pairs, flags, role);
}

function session(random: Random, records: readonly Buffer[], parts: Partial<Input> = {}): Input {
  const bytes = Buffer.concat(records);
  const cuts = Array.from({ length: random.pick([0, 1, 5, 20]) }, () => random.integer(0, bytes.length));
  return {
    bytes,
    cuts: cuts.sort((a, b) => a - b),
    ending: random.pick(["fin", "reset", "leave"]),
    isValid: false,
    isUnread: random.chance(0.3),
    ...parts,
  };
}

function beginAndAbort(random: Random): Input {
  const records: Buffer[] = [];
  const flags = random.integer(0, 1);
  const hasParams = random.chance(0.3);
  for (let count = random.pick([50, 500, 5000]); count > 0; count--) {
    const id = (count % 300) + 1;
    records.push(hasParams ? begin(id, { url: "/hang", flags, length: 0 }) : wire.begin(id, flags));
    records.push(wire.record(wire.ABORT_REQUEST, id));
  }
  return session(random, records, { isUnread: true });
}

function oneByteRecords(random: Random): Input {
  const records: Buffer[] = [];
  const count = random.pick([1, 10, 100]);
  const url = random.pick(["/hang", "/read", "/on", "/"]);
  for (let id = 1; id <= count; id++) records.push(begin(id, { url, length: 100_000 }));
  const byte = random.bytes(1);
  for (let length = random.pick([100, 5000]); length > 0; length -= count) {
    for (let id = 1; id <= count; id++) records.push(wire.record(wire.STDIN, id, byte));
  }
  return session(random, records);
}

/** Valid requests whose responses are read late: all must arrive. */
function unreadOutput(random: Random): Input {
  const records: Buffer[] = [];
  const count = random.pick([10, 60]);
  for (let id = 1; id <= count; id++) {
    records.push(begin(id, { url: random.pick(["/stream", "/", "/stderr"]), length: 0 }));
    records.push(wire.record(wire.STDIN, id));
    for (let more = random.pick([0, 1, 50]); more > 0; more--) {
      records.push(wire.record(random.pick([wire.GET_VALUES, 99]), 0));
    }
  }
  const isWhole = random.chance(0.5);
  return session(random, records, { isUnread: true, ...(isWhole ? { ending: "fin", isValid: true } : {}) });
}

function unendedStdin(random: Random): Input {
  const records: Buffer[] = [];
  const params = random.bytes(random.pick([10, 1000, 10_000]));
  for (let id = random.pick([10, 150]); id > 0; id--) {
    records.push(begin(id, { url: random.pick(["/", "/", "/on", "/throw"]), length: 10, params }));
    if (random.chance(0.3)) records.push(wire.record(wire.STDIN, id, "x"));
  }
  return session(random, records);
}

/** The server must end this connection itself. */
function lingering(random: Random): Input {
  const records = [begin(1, { url: random.pick(["/", "/early"]), length: 1_000_000, flags: 0 })];
  for (let count = random.pick([0, 3, 100]); count > 0; count--) {
    records.push(wire.record(wire.STDIN, 1, random.bytes(random.pick([1, 100]))));
  }
  return session(random, records, { ending: "stay", isUnread: false });
}

function bothStreamsOfAFilter(random: Random): Input {
  const records: Buffer[] = [];
  for (let id = random.pick([1, 1, 20]); id > 0; id--) {
    const url = random.pick(["/data", "/stdin", "/both", "/neither"]);
    const [start, ...rest] = [wire.begin(id, wire.KEEP_CONN, FILTER)];
    const params = begin(id, { url, length: random.pick([0, 5, 100_000]), role: FILTER }).subarray(16);
    const streams = Array.from({ length: random.integer(0, 8) }, () =>
      wire.record(
        random.pick([wire.DATA, wire.DATA, wire.STDIN]),
        id,
        random.bytes(random.pick([0, 1, 5, 3000])),
      ),
    );
    streams.splice(random.integer(0, streams.length), 0, params);
    records.push(start!, ...rest, ...streams);
  }
  return session(random, records);
}

function waitingForABody(random: Random): Input {
  const records: Buffer[] = [];
  const count = random.pick([3, 100, 150]);
  for (let id = 1; id <= count; id++) records.push(begin(id, { url: random.pick(["/read", "/", "/hang"]) }));
  for (let id = 1; id <= count; id++) {
    if (random.chance(0.3)) records.push(wire.record(wire.STDIN, id, random.bytes(random.integer(0, 2))));
  }
  return session(random, records);
}

function readOn(random: Random): Input {
  const records: Buffer[] = [];
  const flags = random.integer(0, 1);
  const count = flags === 0 ? 1 : random.pick([1, 20, 150]);
  for (let id = 1; id <= count; id++) {
    records.push(begin(id, { url: "/on", length: 3000, flags }), wire.record(wire.STDIN, id, "x"));
  }
  for (let id = 1; id <= count; id++) {
    if (random.chance(0.2)) records.push(wire.record(wire.ABORT_REQUEST, id));
    else if (random.chance(0.7))
      records.push(wire.record(wire.STDIN, id, random.bytes(random.pick([0, 2999]))));
  }
  return session(random, records);
}
