import type { Link } from "../../support/link.ts";
import * as wire from "../../support/wire.ts";
import { type Bench, check, hex, type Section, same, section } from "../suite.ts";

export const records: Section = section("3.3", "Records and request ids");
const { must, should } = records;

must("one-write", "a whole request in one write gets a response", async (t) => {
  const link = await t.open();
  await t.servesOn(link, 1, "whole");
});

must("byte-by-byte", "a request gets a response when it arrives byte by byte", async (t) => {
  const link = await t.open();
  const request = t.tokenRequest(1, "bytes");
  await link.sendApart(...Array.from(request, (byte) => Buffer.of(byte)));
  t.served(await link.response(1), "bytes");
});

must("cut-in-two", "a request gets a response when it is cut in two at any byte", async (t) => {
  const [link, other] = [await t.open(), await t.open()];
  const request = t.tokenRequest(1, "cut", { body: "body" });
  for (let at = 1; at < request.length; at++) {
    link.send(request.subarray(0, at));
    // A response on another connection shows that the application has read the first half.
    await t.servesOn(other, 1, "between");
    link.send(request.subarray(at));
    t.served(await link.response(1), "cut");
  }
});

must(
  "record-by-record",
  "a request whose records each come in a write of their own gets a response",
  async (t) => {
    const link = await t.open();
    const list = wire.pairs([...t.params("/params"), ["CONF_TOKEN", "apart"]]);
    await link.sendApart(
      wire.begin(1, 1),
      wire.record(wire.PARAMS, 1, list),
      wire.record(wire.PARAMS, 1),
      wire.record(wire.STDIN, 1),
    );
    t.served(await link.response(1), "apart");
  },
);

must("padding-lengths", "padding of each length from 0 to 255 is skipped", async (t) => {
  const link = await t.open();
  const list = wire.pairs([...t.params("/stdin", { body: "x".repeat(256) })]);
  const bodies = Array.from({ length: 256 }, (_, n) => wire.record(wire.STDIN, 1, "x", { padding: n }));
  link.send(wire.begin(1, 1), wire.record(wire.PARAMS, 1, list), wire.record(wire.PARAMS, 1));
  link.send(...bodies, wire.record(wire.STDIN, 1));
  same((await link.response(1)).text.split(" ")[0], "256", "length of the body that arrived");
});

must(
  "longest-stdin",
  "65,535 bytes of content with 255 bytes of padding are read exactly (STDIN)",
  async (t) => {
    const link = await t.open();
    const body = Buffer.alloc(65535, "s");
    link.send(t.head(1, "/stdin", { body }), wire.record(wire.STDIN, 1, body, { padding: 255 }));
    link.send(wire.record(wire.STDIN, 1));
    same((await link.response(1)).text.split(" ")[0], "65535", "length of the body that arrived");
  },
);

must(
  "longest-params",
  "65,535 bytes of content with 255 bytes of padding are read exactly (PARAMS)",
  async (t) => {
    const link = await t.open();
    const list = wire.pairs([...t.params("/params"), ["CONF_TOKEN", "params"]]);
    // Many short values, because single ones may be limited.
    const fill: [string, string][] = [];
    for (let n = 0; n < 40; n++) fill.push([`FILL_${n}`, "f".repeat(1500)]);
    const first = Buffer.concat([list, wire.pairs(fill)]);
    const last = wire.pair("FILL_LAST", Buffer.alloc(65535 - first.length - 14, "f"), { longValue: true });
    const content = Buffer.concat([first, last]);
    same(content.length, 65535, "length of the params written");
    link.send(wire.begin(1, 1), wire.record(wire.PARAMS, 1, content, { padding: 255 }));
    link.send(wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1));
    t.served(await link.response(1), "params");
  },
);

must("padding-not-zero", "padding that is not zero is skipped as well", async (t) => {
  const link = await t.open();
  const list = wire.pairs([...t.params("/params"), ["CONF_TOKEN", "padding"]]);
  const options = { padding: 16, paddingByte: 1 };
  link.send(wire.begin(1, 1, 1, 0, options), wire.record(wire.PARAMS, 1, list, options));
  link.send(wire.record(wire.PARAMS, 1, "", options), wire.record(wire.STDIN, 1, "", options));
  t.served(await link.response(1), "padding");
});

must("padding-without-content", "a record with padding but no content ends its stream", async (t) => {
  const link = await t.open();
  const list = wire.pairs([...t.params("/params"), ["CONF_TOKEN", "ends"]]);
  link.send(wire.begin(1, 1), wire.record(wire.PARAMS, 1, list));
  link.send(
    wire.record(wire.PARAMS, 1, "", { padding: 255 }),
    wire.record(wire.STDIN, 1, "", { padding: 8 }),
  );
  t.served(await link.response(1), "ends");
});

must("padding-of-begin", "padding after BEGIN_REQUEST is skipped", async (t) => {
  const link = await t.open();
  const rest = t.tokenRequest(1, "begin").subarray(16);
  link.send(wire.begin(1, 1, 1, 0, { padding: 255 }), rest);
  t.served(await link.response(1), "begin");
});

must("reserved-byte-ignored", "the reserved byte of the header is ignored in every record", async (t) => {
  const link = await t.open();
  const list = wire.pairs([...t.params("/params"), ["CONF_TOKEN", "reserved"]]);
  const options = { reserved: 255 };
  link.send(wire.begin(1, 1, 1, 0, options), wire.record(wire.PARAMS, 1, list, options));
  link.send(wire.record(wire.PARAMS, 1, "", options), wire.record(wire.STDIN, 1, "", options));
  t.served(await link.response(1), "reserved");
});

for (const length of [1, 127, 128, 255, 256, 65534]) {
  must(
    `stdin-length-${length}`,
    `a STDIN record with ${length} bytes of content is read exactly`,
    async (t) => {
      const response = await t.get("/stdin", { body: Buffer.alloc(length, "c") });
      same(response.text.split(" ")[0], String(length), "length of the body that arrived");
    },
  );
}

for (const version of [0, 2, 255]) {
  must(
    `version-${version}`,
    `a record of version ${version} is not taken for one of version 1`,
    async (t) => {
      const link = await t.open();
      const request = t.tokenRequest(1, "version");
      request[0] = version;
      link.send(request);
      await settled(t, link);
      check(!link.hasEnded(1) && link.begun(1).records.length === 0, "the request got a response");
    },
  );
}

should("unknown-version", "a record of an unknown version closes the connection", async (t) => {
  const link = await t.open();
  link.send(wire.record(wire.GET_VALUES, 0, "", { version: 2 }));
  await link.closed();
});

should(
  "unknown-version-later",
  "an unknown version in mid-connection closes it without a response to that record",
  async (t) => {
    const link = await t.open();
    await t.servesOn(link, 1, "first");
    const request = t.tokenRequest(2, "second");
    request[0] = 9;
    link.send(request);
    await link.closed();
    check(!link.hasEnded(2), "the request of version 9 got a response");
  },
);

must("sent-version-and-id", "every record of a response has version 1 and the request's id", async (t) => {
  const link = await t.open();
  await t.servesOn(link, 258, "header");
  check(
    link.records.every((r) => r.version === 1 && r.id === 258),
    "a record with another version or id",
  );
});

must("sent-types", "a response consists of STDOUT, STDERR and END_REQUEST records", async (t) => {
  const response = await t.get("/params");
  const types = [wire.STDOUT, wire.STDERR, wire.END_REQUEST];
  check(
    response.records.every((r) => types.includes(r.type)),
    "a record of another type",
  );
});

should("sent-reserved-byte", "the reserved byte is zero in every record sent", async (t) => {
  const response = await t.get("/large?bytes=200000");
  check(
    response.records.every((r) => r.reserved === 0),
    "a reserved byte that is not zero",
  );
});

should("sent-padding", "padding sent is zeroes, not left-over memory", async (t) => {
  const records: wire.Received[] = [];
  for (let n = 1; n <= 16; n++) records.push(...(await t.get(`/large?bytes=${n}`)).records);
  check(
    records.every((r) => r.padding.every((byte) => byte === 0)),
    "padding that is not zero",
  );
});

should(
  "sent-multiples-of-eight",
  "records sent are multiples of eight bytes (recommended in 3.3)",
  async (t) => {
    const records: wire.Received[] = [];
    for (let n = 1; n <= 8; n++) records.push(...(await t.get(`/large?bytes=${n}`)).records);
    const lengths = records.map((r) => r.content.length + r.padding.length);
    check(
      lengths.every((length) => length % 8 === 0),
      `record with ${lengths.find((length) => length % 8 !== 0)} bytes after its header`,
    );
  },
);

for (const id of [1, 255, 256, 65535]) {
  must(`id-${id}`, `a request with id ${id} gets its response under it`, async (t) => {
    await t.servesOn(await t.open(), id, `id${id}`);
  });
}

must("id-reused", "an id can be used again once its END_REQUEST is there", async (t) => {
  const link = await t.open();
  for (let n = 0; n < 20; n++) await t.servesOn(link, 1, `again${n}`);
});

must("ids-in-any-order", "ids can follow each other in any order", async (t) => {
  const link = await t.open();
  for (const id of [7, 65535, 1, 256, 2, 7]) await t.servesOn(link, id, `order${id}`);
});

must(
  "stdin-of-ended-request",
  "STDIN of an ended request is ignored, and its id can be used again",
  async (t) => {
    const link = await t.open();
    await t.servesOn(link, 1, "old");
    link.send(wire.record(wire.STDIN, 1, "late"), wire.record(wire.STDIN, 1));
    await t.servesOn(link, 1, "new");
    nothingElse(link);
  },
);

must("begin-id-0", "a BEGIN_REQUEST with id 0 starts no request", async (t) => {
  const link = await t.open();
  const request = t.tokenRequest(1, "zero");
  // Each record of the request gets id 0.
  for (let at = 0; at < request.length; at += 8 + request.readUInt16BE(at + 4))
    request.writeUInt16BE(0, at + 2);
  link.send(request);
  await settled(t, link);
  const wrong = link.records
    .filter((r) => r.id === 0)
    .filter((r) => r.type === wire.STDOUT || r.type === wire.END_REQUEST);
  same(wrong.length, 0, "STDOUT and END_REQUEST records under id 0");
});

for (const [type, name] of [
  [wire.ABORT_REQUEST, "ABORT_REQUEST"],
  [wire.PARAMS, "PARAMS"],
  [wire.STDIN, "STDIN"],
  [wire.DATA, "DATA"],
  [wire.END_REQUEST, "END_REQUEST"],
  [wire.STDOUT, "STDOUT"],
  [wire.STDERR, "STDERR"],
  [wire.GET_VALUES, "GET_VALUES"],
  [wire.GET_VALUES_RESULT, "GET_VALUES_RESULT"],
  [wire.UNKNOWN_TYPE, "UNKNOWN_TYPE"],
  [12, "a record of type 12"],
  [255, "a record of type 255"],
] as const) {
  must(`unknown-id-type-${type}`, `${name} with an id that was never begun is ignored`, async (t) => {
    const link = await t.open();
    link.send(wire.record(type, 5, "content"), wire.record(type, 5));
    await t.servesOn(link, 1, "fence");
    nothingElse(link);
  });
}

for (const [type, name] of [
  [wire.ABORT_REQUEST, "ABORT_REQUEST"],
  [wire.PARAMS, "PARAMS"],
  [wire.DATA, "DATA"],
  [wire.GET_VALUES, "GET_VALUES"],
  [12, "a record of type 12"],
] as const) {
  must(`ended-id-type-${type}`, `${name} with the id of an ended request is ignored`, async (t) => {
    const link = await t.open();
    await t.servesOn(link, 5, "ended");
    link.send(wire.record(type, 5, "content"), wire.record(type, 5));
    await t.servesOn(link, 1, "fence");
    nothingElse(link);
  });
}

for (const type of [0, 12, 255]) {
  should(
    `unknown-type-${type}`,
    `a record of unknown type ${type} within a request does not disturb it`,
    async (t) => {
      const link = await t.open();
      const request = t.request(1, "/stdin", { body: "body" });
      const odd = wire.record(type, 1, "odd", { padding: 5 });
      // After BEGIN_REQUEST, which is 16 bytes, and again before the 20 bytes of STDIN.
      link.send(request.subarray(0, 16), odd, request.subarray(16, -20), odd, request.subarray(-20));
      same((await link.response(1)).text.split(" ")[0], "4", "length of the body that arrived");
    },
  );
}

should(
  "records-only-application-sends",
  "records that only an application sends do not disturb a request",
  async (t) => {
    const link = await t.open();
    const request = t.tokenRequest(1, "wrong-way");
    const wrong = [wire.STDOUT, wire.STDERR, wire.GET_VALUES_RESULT, wire.UNKNOWN_TYPE];
    link.send(request.subarray(0, 16), ...wrong.map((type) => wire.record(type, 1, "wrong")));
    link.send(request.subarray(16));
    t.served(await link.response(1), "wrong-way");
  },
);

must("records-of-one-byte", "1,000 records of one byte each are one body", async (t) => {
  const link = await t.open();
  const body = Buffer.alloc(1000, "1");
  link.send(t.head(1, "/stdin", { body }), wire.stream(wire.STDIN, 1, body, 1), wire.record(wire.STDIN, 1));
  same((await link.response(1)).text.split(" ")[0], "1000", "length of the body that arrived");
});

must("long-response", "responses over 65,535 bytes come in several records", async (t) => {
  const response = await t.get("/large?bytes=300000");
  same(response.body.length, 300000, "length of the response");
});

/** Fails if anything but the whole responses of requests came: all that came under id 1 was taken already. */
function nothingElse(link: Link): void {
  for (const id of new Set(link.records.map((r) => r.id))) {
    check(link.begun(id).records.length === 0 && !link.hasEnded(id), `something was sent under id ${id}`);
  }
}

must(
  "two-requests-in-one-write",
  "two requests in one write, one after the other, both get responses",
  async (t: Bench) => {
    const link = await t.open();
    link.send(t.tokenRequest(1, "one"), t.tokenRequest(2, "two"));
    const [one, two] = [await link.response(1), await link.response(2)];
    check(one.text.includes(hex("one")), "response of request 1");
    // FastCGI 1.0, 5.5: an application that takes one request at a time may refuse the second.
    check(two.protocolStatus === 1 || two.text.includes(hex("two")), "response of request 2");
  },
);

must(
  "random-cuts",
  "records of all kinds in one stream, cut in two at any byte, get the same responses",
  async (t) => {
    const [link, other] = [await t.open(), await t.open()];
    const request = t.tokenRequest(3, "kinds", { body: "body" });
    const stream = Buffer.concat([
      wire.record(wire.STDIN, 9, "inactive", { padding: 3 }),
      request.subarray(0, 16),
      wire.record(200, 0, "unknown", { padding: 1, reserved: 7 }),
      request.subarray(16, -20),
      wire.record(wire.GET_VALUES, 0, wire.pair("FCGI_NO_SUCH_NAME", ""), { padding: 8 }),
      request.subarray(-20),
    ]);
    for (let at = 1; at < stream.length; at++) {
      link.send(stream.subarray(0, at));
      await t.servesOn(other, 1, "between");
      link.send(stream.subarray(at));
      t.served(await link.response(3), "kinds");
      // The application may respond before it has read the body, among which a query stands.
      await link.until("all responses", () =>
        link.records.some(({ type }) => type === wire.GET_VALUES_RESULT),
      );
      const types = link.records.splice(0).map(({ type }) => type);
      for (const type of [wire.UNKNOWN_TYPE, wire.GET_VALUES_RESULT]) {
        same(types.filter((found) => found === type).length, 1, `records of type ${type}, cut at byte ${at}`);
      }
    }
  },
);

/** Waits until all that was sent is dealt with: two more requests have their responses, or the connection is closed. */
async function settled(t: Bench, link: Link): Promise<void> {
  for (const id of [100, 101]) {
    link.send(t.tokenRequest(id, "settled"));
    await link.until("a response or the end of the connection", () => link.isClosed || link.hasEnded(id));
  }
}
