import type { Link, ReceivedResponse } from "../../support/link.ts";
import * as wire from "../../support/wire.ts";
import { type Bench, check, hex, type Section, same, section } from "../suite.ts";

export const pairs: Section = section("3.4", "Name-value pairs");
const { must, should } = pairs;

/** Sends a request for /params whose stream of params has `extra` appended, cut into records as said. */
async function sendParams(t: Bench, extra: Uint8Array, size = 65535): Promise<Link> {
  const link = await t.open();
  const list = wire.pairs([...t.params("/params"), ["CONF_TOKEN", "pairs"]]);
  link.send(wire.begin(1, 0), wire.stream(wire.PARAMS, 1, Buffer.concat([list, extra]), size));
  link.send(wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1));
  return link;
}

async function withParams(t: Bench, extra: Uint8Array, size?: number): Promise<ReceivedResponse> {
  const response = await (await sendParams(t, extra, size)).response(1);
  t.served(response, "pairs");
  return response;
}

function has(response: ReceivedResponse, name: string, value: string): void {
  check(
    response.text.split("\n").includes(`${name}=${hex(value)}`),
    `param ${name.slice(0, 40)} with ${value.length} bytes did not arrive as sent`,
  );
}

/** Sends params that end too early; a request made of a part of them must not be taken for a good one. */
async function refused(t: Bench, extra: Uint8Array): Promise<void> {
  const link = await sendParams(t, extra);
  await link.until("a refusal", () => link.isClosed || link.hasEnded(1));
  if (link.isClosed && !link.hasEnded(1)) return;
  const response = await link.response(1);
  check(
    response.status >= 400 || response.appStatus !== 0 || response.protocolStatus !== 0,
    `got status ${response.status} as if nothing were wrong`,
  );
}

/** The same, where all that is asked is that the application lives and ends the request or the connection. */
async function survives(t: Bench, extra: Uint8Array): Promise<void> {
  const link = await sendParams(t, extra);
  await link.until("a response or the end of the connection", () => link.isClosed || link.hasEnded(1));
  await t.serves();
}

must("length-127", "lengths up to 127 are read from one byte", async (t) => {
  has(await withParams(t, wire.pair("CONF_A", "v".repeat(127))), "CONF_A", "v".repeat(127));
});

must("value-128-bytes-length", "a value of 128 bytes has a length of four bytes", async (t) => {
  has(await withParams(t, wire.pair("CONF_A", "v".repeat(128))), "CONF_A", "v".repeat(128));
});

must("name-127-bytes-arrives", "a name of 127 bytes arrives", async (t) => {
  const name = `CONF_${"N".repeat(122)}`;
  has(await withParams(t, wire.pair(name, "v")), name, "v");
});

must("name-128-bytes-length", "a name of 128 bytes has a length of four bytes", async (t) => {
  const name = `CONF_${"N".repeat(123)}`;
  has(await withParams(t, wire.pair(name, "v")), name, "v");
});

must("long-name-long-value", "a long name and a long value go together", async (t) => {
  const name = `CONF_${"N".repeat(195)}`;
  has(await withParams(t, wire.pair(name, "v".repeat(5000))), name, "v".repeat(5000));
});

must(
  "short-name-length-written",
  "a short name whose length is written in four bytes is accepted",
  async (t) => {
    has(await withParams(t, wire.pair("CONF_A", "1", { longName: true })), "CONF_A", "1");
  },
);

must(
  "short-value-length-written",
  "a short value whose length is written in four bytes is accepted",
  async (t) => {
    has(await withParams(t, wire.pair("CONF_A", "1", { longValue: true })), "CONF_A", "1");
  },
);

must("both-lengths-may-written", "both lengths may be written in four bytes", async (t) => {
  has(await withParams(t, wire.pair("CONF_A", "", { longName: true, longValue: true })), "CONF_A", "");
});

must("empty-value-arrives-empty", "an empty value arrives as an empty value", async (t) => {
  has(await withParams(t, wire.pair("CONF_A", "")), "CONF_A", "");
});

must("empty-value-not-shift", "an empty value does not shift the pairs that follow", async (t) => {
  const response = await withParams(
    t,
    wire.pairs([
      ["CONF_A", ""],
      ["CONF_B", "2"],
    ]),
  );
  has(response, "CONF_B", "2");
});

must("pair-empty-name-not", "a pair with an empty name does not shift the pairs that follow", async (t) => {
  const response = await withParams(
    t,
    wire.pairs([
      ["", "nameless"],
      ["CONF_B", "2"],
    ]),
  );
  has(response, "CONF_B", "2");
});

must(
  "pair-empty-name-empty",
  "a pair with an empty name and an empty value does not shift the pairs that follow",
  async (t) => {
    const response = await withParams(
      t,
      wire.pairs([
        ["", ""],
        ["CONF_B", "2"],
      ]),
    );
    has(response, "CONF_B", "2");
  },
);

for (const [what, size] of [
  ["in records of one byte", 1],
  ["in records of two bytes", 2],
  ["in records of seven bytes", 7],
] as const) {
  must(`record-length-${size}`, `pairs arrive ${what}`, async (t) => {
    const extra = wire.pairs([
      ["CONF_A", "1"],
      ["CONF_B", "v".repeat(200)],
    ]);
    const response = await withParams(t, extra, size);
    has(response, "CONF_A", "1");
    has(response, "CONF_B", "v".repeat(200));
  });
}

must("pair-may-straddle-two", "a pair may straddle two records at any byte of it", async (t) => {
  const link = await t.open();
  const odd = wire.pair("CONF_STRADDLE", "v".repeat(130));
  const list = wire.pairs([...t.params("/params"), ["CONF_TOKEN", "straddle"]]);
  for (let at = 1; at < odd.length; at += at < 20 ? 1 : 13) {
    link.send(wire.begin(1, 1), wire.record(wire.PARAMS, 1, Buffer.concat([list, odd.subarray(0, at)])));
    link.send(wire.record(wire.PARAMS, 1, odd.subarray(at)), wire.record(wire.PARAMS, 1));
    link.send(wire.record(wire.STDIN, 1));
    const response = await link.response(1);
    t.served(response, "straddle");
    has(response, "CONF_STRADDLE", "v".repeat(130));
  }
});

must("value-60000-bytes-arrives", "a value of 60,000 bytes arrives", async (t) => {
  has(await withParams(t, wire.pair("CONF_A", "v".repeat(60000))), "CONF_A", "v".repeat(60000));
});

must("pair-more-65535-bytes", "a pair of more than 65,535 bytes spans two records", async (t) => {
  has(await withParams(t, wire.pair("CONF_A", "v".repeat(65530))), "CONF_A", "v".repeat(65530));
});

should(
  "value-70000-bytes-arrives",
  "a value of 70,000 bytes arrives, or the request is refused with 4xx",
  async (t) => {
    const response = await (await sendParams(t, wire.pair("CONF_A", "v".repeat(70000)))).response(1);
    if (response.status < 400) has(response, "CONF_A", "v".repeat(70000));
  },
);

must("500-pairs-arrive", "500 pairs arrive", async (t) => {
  const list = Array.from({ length: 500 }, (_, n) => [`CONF_${n}`, String(n)] as const);
  const response = await withParams(t, wire.pairs(list));
  same(
    response.text.split("\n").filter((line) => line.startsWith("CONF_")).length,
    501,
    "params that arrived",
  );
});

must("pairs-read-order", "pairs are read in any order", async (t) => {
  const link = await t.open();
  const list = [...t.params("/params"), ["CONF_TOKEN", "reverse"] as const].reverse();
  link.send(wire.begin(1, 0), wire.record(wire.PARAMS, 1, wire.pairs(list)));
  link.send(wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1));
  t.served(await link.response(1), "reverse");
});

must("name-twice", "a name that comes twice does no harm to the others", async (t) => {
  const extra = wire.pairs([
    ["CONF_A", "1"],
    ["CONF_A", "2"],
    ["CONF_B", "3"],
  ]);
  has(await withParams(t, extra), "CONF_B", "3");
});

should("field-twice", "header fields that web servers send as two params are both kept", async (t) => {
  const response = await t.get("/header?name=x-twice", {
    params: [
      ["HTTP_X_TWICE", "1"],
      ["HTTP_X_TWICE", "2"],
    ],
  });
  same(response.text, `value=${hex("1, 2")}`, "the field");
});

for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
  should(`name-${name}`, `a param named ${name} is harmless`, async (t) => {
    const extra = wire.pairs([
      [name, "polluted"],
      ["CONF_B", "2"],
    ]);
    has(await withParams(t, extra), "CONF_B", "2");
    await t.serves();
  });
}

should("control-characters", "a value with NUL, CR and LF does no harm to the others", async (t) => {
  const response = await withParams(
    t,
    wire.pairs([
      ["CONF_A", "a\0b\r\nc"],
      ["CONF_B", "2"],
    ]),
  );
  has(response, "CONF_B", "2");
});

for (const [key, what, extra] of [
  ["ends-after-name-length", "ends after the length of a name", Buffer.of(1)],
  ["ends-in-name-length", "ends within the four bytes of a name's length", Buffer.of(0x80, 0)],
  ["ends-in-value-length", "ends within the four bytes of a value's length", Buffer.of(1, 0x80, 0)],
  ["ends-before-name", "ends before the name", Buffer.of(5, 0)],
  ["ends-in-name", "ends within the name", Buffer.concat([Buffer.of(6, 1), Buffer.from("CONF")])],
  ["ends-before-value", "ends before the value", Buffer.concat([Buffer.of(6, 1), Buffer.from("CONF_A")])],
  ["ends-in-value", "ends within the value", Buffer.concat([Buffer.of(6, 9), Buffer.from("CONF_A1")])],
  [
    "huge-name",
    "has a name of 2,147,483,647 bytes",
    Buffer.concat([Buffer.of(255, 255, 255, 255, 1), Buffer.from("x")]),
  ],
  [
    "huge-value",
    "has a value of 2,147,483,647 bytes",
    Buffer.concat([Buffer.of(1, 255, 255, 255, 255), Buffer.from("x")]),
  ],
  ["overflow", "has lengths whose sum overflows 32 bits", Buffer.alloc(8, 255)],
  [
    "missing-value",
    "has a value of 65,536 bytes, of which one is there",
    Buffer.concat([Buffer.of(6, 0x80, 1, 0, 0), Buffer.from("CONF_A1")]),
  ],
] as const) {
  must(`${key}-survived`, `a stream that ${what} is survived`, (t) => survives(t, extra));
  should(`${key}-refused`, `a stream that ${what} is refused, not read in part`, (t) => refused(t, extra));
}

should("16-mib-params-refused", "16 MiB of params are refused, or end the connection", async (t) => {
  const before = t.memory();
  const link = await t.open();
  link.send(wire.begin(1, 0), wire.stream(wire.PARAMS, 1, wire.pairs(t.params("/params"))));
  const chunk = wire.stream(wire.PARAMS, 1, wire.pair("FILL", "f".repeat(65000)));
  for (let n = 0; n < 256; n++) link.send(chunk);
  link.send(wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1));
  await link.until("a refusal", () => link.isClosed || link.hasEnded(1));
  if (link.hasEnded(1)) {
    const response = await link.response(1);
    check(response.status >= 400 || response.protocolStatus !== 0, `got status ${response.status}`);
  }
  t.bounded(before);
});

should("100000-pairs-refused-end", "100,000 pairs are refused, or end the connection", async (t) => {
  const before = t.memory();
  const list = Array.from({ length: 100000 }, (_, n) => [`P${n}`, ""] as const);
  const link = await sendParams(t, wire.pairs(list));
  await link.until("a refusal", () => link.isClosed || link.hasEnded(1));
  if (link.hasEnded(1)) {
    const response = await link.response(1);
    check(response.status >= 400 || response.protocolStatus !== 0, `got status ${response.status}`);
  }
  t.bounded(before);
});
