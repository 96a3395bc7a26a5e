import type { Link } from "../../support/link.ts";
import * as wire from "../../support/wire.ts";
import { type Bench, check, type Section, same, section } from "../suite.ts";

const NAMES = ["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"];

export const getValues: Section = section("4.1", "FCGI_GET_VALUES");
const { must, should } = getValues;

function ask(...names: string[]): Buffer {
  return wire.record(wire.GET_VALUES, 0, wire.pairs(names.map((name) => [name, ""])));
}

function named(values: [string, string][]): string[] {
  return values.map(([name]) => name).sort();
}

must(
  "GET_VALUES-answered-GET_VALUES_RESULT-id",
  "GET_VALUES gets GET_VALUES_RESULT under id 0",
  async (t) => {
    const link = await t.open();
    await t.values(link, NAMES);
  },
);

must("FCGI_MPXS_CONNS-0-1-answered", "FCGI_MPXS_CONNS is 0 or 1, if the result has it", async (t) => {
  for (const [name, value] of await t.values(await t.open(), ["FCGI_MPXS_CONNS"])) {
    same(name, "FCGI_MPXS_CONNS", "name");
    check(value === "0" || value === "1", `FCGI_MPXS_CONNS=${value}`);
  }
});

for (const asked of ["FCGI_MAX_CONNS", "FCGI_MAX_REQS"]) {
  must(`${asked}-decimal`, `${asked} is a decimal number above 0, if the result has it`, async (t) => {
    for (const [name, value] of await t.values(await t.open(), [asked])) {
      same(name, asked, "name");
      check(/^[1-9]\d*$/.test(value), `${name}=${value}`);
    }
  });
}

must("only-names-asked-answered", "the result has only names that were asked for", async (t) => {
  const values = await t.values(await t.open(), ["FCGI_MAX_REQS"]);
  check(
    values.every(([name]) => name === "FCGI_MAX_REQS"),
    `got ${named(values)}`,
  );
});

must("unknown-name-left-out", "an unknown name is left out of the response", async (t) => {
  same(await t.values(await t.open(), ["FCGI_NO_SUCH_NAME"]), [], "values");
});

must("known-name-among-unknown", "a known name among unknown ones is in the result", async (t) => {
  const alone = await t.values(await t.open(), ["FCGI_MPXS_CONNS"]);
  const link = await t.open();
  same(await t.values(link, ["X", "FCGI_MPXS_CONNS", "", "fcgi_mpxs_conns"]), alone, "values");
});

must("names-like-properties-objects", "names like properties of objects are left out", async (t) => {
  same(await t.values(await t.open(), ["__proto__", "constructor", "toString"]), [], "values");
});

must("query-without-names-gets", "a query without names gets an empty result", async (t) => {
  same(await t.values(await t.open(), []), [], "values");
});

should("name-asked-twice-answered", "a name asked for twice is in the result once", async (t) => {
  const alone = await t.values(await t.open(), ["FCGI_MPXS_CONNS"]);
  const link = await t.open();
  same(await t.values(link, ["FCGI_MPXS_CONNS", "FCGI_MPXS_CONNS"]), alone, "values");
});

must("values-query-ignored", "values in the query are ignored", async (t) => {
  const plain = await t.values(await t.open(), NAMES);
  const link = await t.open();
  const list = wire.pairs(NAMES.map((name) => [name, "4711"]));
  link.send(wire.record(wire.GET_VALUES, 0, list));
  same(await t.nextValues(link), plain, "values");
});

must("query-4000-unknown-names", "a query with 4,000 unknown names gets its result", async (t) => {
  const plain = await t.values(await t.open(), ["FCGI_MPXS_CONNS"]);
  const link = await t.open();
  const names = Array.from({ length: 4000 }, (_, n) => `UNKNOWN_${n}`);
  same(await t.values(link, [...names, "FCGI_MPXS_CONNS"]), plain, "values");
});

must(
  "query-names-lengths-four",
  "a query whose names have lengths of four bytes gets its result",
  async (t) => {
    const plain = await t.values(await t.open(), ["FCGI_MPXS_CONNS"]);
    const link = await t.open();
    const long = { longName: true, longValue: true };
    link.send(wire.record(wire.GET_VALUES, 0, wire.pair("FCGI_MPXS_CONNS", "", long)));
    same(await t.nextValues(link), plain, "values");
  },
);

must("query-255-bytes-padding", "a query with 255 bytes of padding gets its result", async (t) => {
  const link = await t.open();
  link.send(wire.record(wire.GET_VALUES, 0, wire.pair("FCGI_MPXS_CONNS", ""), { padding: 255 }));
  await t.nextValues(link);
});

must("query-arrives-byte-byte", "a query that arrives byte by byte gets its result", async (t) => {
  const link = await t.open();
  await link.sendApart(...Array.from(ask(...NAMES), (byte) => Buffer.of(byte)));
  await t.nextValues(link);
});

must(
  "query-answered-after-request",
  "a query gets its result after a request, on a kept connection",
  async (t) => {
    const link = await t.open();
    await t.servesOn(link, 1, "first");
    await t.values(link, NAMES);
  },
);

must("request-served-after-query", "a request is served after a query, on the same connection", async (t) => {
  const link = await t.open();
  await t.values(link, NAMES);
  await t.servesOn(link, 1, "after");
});

must("request-follows-same-write", "a request that follows in the same write is served", async (t) => {
  const link = await t.open();
  link.send(ask(...NAMES), t.tokenRequest(1, "same"));
  t.served(await link.response(1), "same");
  await t.nextValues(link);
});

must("two-queries-get-two", "two queries get two responses", async (t) => {
  const link = await t.open();
  link.send(ask("FCGI_MPXS_CONNS"), ask("FCGI_MPXS_CONNS"));
  await t.servesOn(link, 1, "fence");
  const results = link.records.filter((r) => r.type === wire.GET_VALUES_RESULT).map((r) => String(r.content));
  const some = results.filter((content) => content !== "");
  check(results.length >= 2 && (some.length === 0 || some.length === 2), `${results.length} results`);
});

/** Sends a query where `before` of a request is sent, waits for its response, then sends the rest. */
async function amid(t: Bench, cut: (request: Buffer, link: Link) => number): Promise<void> {
  const link = await t.open();
  const request = t.tokenRequest(1, "amid", { body: "body" });
  const at = cut(request, link);
  link.send(request.subarray(0, at), ask(...NAMES));
  await t.nextValues(link);
  link.send(request.subarray(at));
  t.served(await link.response(1), "amid");
}

must(
  "query-between-BEGIN_REQUEST-PARAMS",
  "a query between BEGIN_REQUEST and PARAMS gets its result at once",
  (t) => amid(t, () => 16),
);

must("query-between-PARAMS-end", "a query between PARAMS and their end gets its result at once", (t) =>
  amid(t, (request) => request.length - 8 - 12 - 8),
);

must("query-between-PARAMS-STDIN", "a query between PARAMS and STDIN gets its result at once", (t) =>
  amid(t, (request) => request.length - 8 - 12),
);

must("query-between-STDIN-end", "a query between STDIN and its end gets its result at once", (t) =>
  amid(t, (request) => request.length - 8),
);

must(
  "query-while-application-works",
  "a query while the application works gets its result at once",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/never"), ask(...NAMES));
    await t.nextValues(link);
  },
);

must(
  "query-midst-answer-answered",
  "a query in the midst of a response gets its result at once",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/stream"));
    await link.output(1, "first");
    await t.values(link, NAMES);
  },
);

must("query-not-get-between", "a query does not get between the bytes of a response", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/large?bytes=2000000"), ask(...NAMES));
  same((await link.response(1)).body.length, 2000000, "length of the response");
  await t.nextValues(link);
});

should("query-answered-exactly-record", "a query gets exactly one record", async (t) => {
  const link = await t.open();
  await t.values(link, NAMES);
  await t.servesOn(link, 1, "fence");
  const more = link.records.filter((r) => r.id === 0);
  same(more.length, 0, "further records under id 0");
});

should(
  "query-content-ends-within",
  "a query whose content ends within a pair leaves the application alive",
  async (t) => {
    const link = await t.open();
    link.send(
      wire.record(wire.GET_VALUES, 0, Buffer.of(200)),
      wire.record(wire.GET_VALUES, 0, Buffer.of(15, 0, 70)),
    );
    link.finish();
    await link.closed();
    await t.serves();
  },
);

should(
  "query-alone-end-answered",
  "a query alone, then the end: it gets its result, and the connection ends",
  async (t) => {
    const link = await t.open();
    link.send(ask(...NAMES));
    link.finish();
    await t.nextValues(link);
    await link.closed();
  },
);

export const unknownType: Section = section("4.2", "FCGI_UNKNOWN_TYPE");

/** Waits for the next UNKNOWN_TYPE record. */
async function nextUnknown(link: Link): Promise<wire.Received> {
  const isUnknown = (r: wire.Received) => r.type === wire.UNKNOWN_TYPE;
  await link.until("UNKNOWN_TYPE", () => link.records.some(isUnknown));
  return link.records.splice(link.records.findIndex(isUnknown), 1)[0]!;
}

for (const type of [0, 12, 100, 255]) {
  unknownType.must(`type-${type}`, `a management record of type ${type} gets UNKNOWN_TYPE`, async (t) => {
    const link = await t.open();
    link.send(wire.record(type, 0));
    const { id, content } = await nextUnknown(link);
    same([id, content.length, content[0]], [0, 8, type], "id, length and type of the response");
  });
}

unknownType.must("types-12-to-255", "each type from 12 to 255 gets UNKNOWN_TYPE, in order", async (t) => {
  const link = await t.open();
  const types = Array.from({ length: 244 }, (_, n) => n + 12);
  link.send(...types.map((type) => wire.record(type, 0)));
  for (const type of types) same((await nextUnknown(link)).content[0], type, "type in UNKNOWN_TYPE");
});

unknownType.must(
  "content-record-unknown-type",
  "the content of a record of unknown type is skipped",
  async (t) => {
    const link = await t.open();
    link.send(wire.record(99, 0, Buffer.alloc(65535, 1), { padding: 255, paddingByte: 1 }));
    same((await nextUnknown(link)).content[0], 99, "type in UNKNOWN_TYPE");
    await t.servesOn(link, 1, "after");
  },
);

unknownType.must(
  "request-served-after-same",
  "a request is served after it, on the same connection",
  async (t) => {
    const link = await t.open();
    link.send(wire.record(12, 0));
    await nextUnknown(link);
    await t.servesOn(link, 1, "after");
  },
);

unknownType.must("within-request", "it comes in the midst of a request, which goes on", async (t) => {
  const link = await t.open();
  const request = t.tokenRequest(1, "amid", { body: "body" });
  link.send(
    request.subarray(0, 16),
    wire.record(12, 0, "a"),
    request.subarray(16, -8),
    wire.record(13, 0, "b"),
  );
  same(
    [(await nextUnknown(link)).content[0], (await nextUnknown(link)).content[0]],
    [12, 13],
    "types in UNKNOWN_TYPE",
  );
  link.send(request.subarray(-8));
  t.served(await link.response(1), "amid");
});

unknownType.must("answered-while-application-works", "it comes while the application works", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/never"), wire.record(200, 0));
  same((await nextUnknown(link)).content[0], 200, "type in UNKNOWN_TYPE");
});

unknownType.should(
  "reserved-bytes-UNKNOWN_TYPE-zero",
  "the reserved bytes of UNKNOWN_TYPE are zero",
  async (t) => {
    const link = await t.open();
    link.send(wire.record(12, 0));
    const { content } = await nextUnknown(link);
    check(
      content.subarray(1).every((byte) => byte === 0),
      `content ${content.toString("hex")}`,
    );
  },
);

for (const [type, name] of [
  [wire.ABORT_REQUEST, "ABORT_REQUEST"],
  [wire.END_REQUEST, "END_REQUEST"],
  [wire.PARAMS, "PARAMS"],
  [wire.STDIN, "STDIN"],
  [wire.STDOUT, "STDOUT"],
  [wire.DATA, "DATA"],
  [wire.GET_VALUES_RESULT, "GET_VALUES_RESULT"],
  [wire.UNKNOWN_TYPE, "UNKNOWN_TYPE"],
] as const) {
  unknownType.should(`id-0-${name}`, `${name} under id 0 does not disturb the connection`, async (t) => {
    const link = await t.open();
    link.send(wire.record(type, 0, "content"));
    await t.servesOn(link, 1, "after");
  });
}
