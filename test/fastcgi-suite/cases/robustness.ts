import type { Link } from "../../support/link.ts";
import * as wire from "../../support/wire.ts";
import { type Bench, check, type Section, same, section } from "../suite.ts";

export const robustness: Section = section(
  "7",
  "Errors: what peers do wrong stays without consequence for others",
);
const { must, should } = robustness;

/** States in which a web server can go away. */
const states: [key: string, state: string, arrive: (t: Bench, link: Link) => Promise<void>][] = [
  ["header", "within a record's header", async (_t, link) => link.send(wire.begin(1, 1).subarray(0, 5))],
  ["begin", "after BEGIN_REQUEST", async (_t, link) => link.send(wire.begin(1, 1))],
  ["params", "within PARAMS", async (t, link) => link.send(t.head(1, "/params").subarray(0, -20))],
  ["before-stdin", "before STDIN", async (t, link) => link.send(t.head(1, "/stdin", { body: "0123456789" }))],
  [
    "stdin",
    "within STDIN",
    async (t, link) => link.send(t.request(1, "/stdin", { body: "0123456789" }).subarray(0, -13)),
  ],
  [
    "whole-request",
    "right after a whole request",
    async (t, link) => link.send(t.request(1, "/large?bytes=1000000")),
  ],
  ["working", "while the application works", async (t, link) => link.send(t.request(1, "/never"))],
  [
    "responding",
    "in the midst of a response",
    async (t, link) => {
      link.send(t.request(1, "/stream"));
      await link.output(1, "first");
    },
  ],
  [
    "responding-large",
    "in the midst of a large response",
    async (t, link) => {
      link.send(t.request(1, "/large?bytes=50000000"));
      await link.until("the begin of the response", () => link.received > 0);
    },
  ],
  ["between", "between two requests", async (t, link) => void (await t.servesOn(link, 1, "first"))],
];

for (const [key, state, arrive] of states) {
  must(`fin-${key}`, `a FIN ${state} leaves others served`, async (t) => {
    const link = await t.open();
    await arrive(t, link);
    await t.serves();
    link.finish();
    await t.serves();
    link.destroy();
    await t.serves();
  });

  must(`rst-${key}`, `an RST ${state} leaves others served`, async (t) => {
    const link = await t.open();
    await arrive(t, link);
    await t.serves();
    link.reset();
    await t.serves();
    await t.serves();
  });
}

const HELLO = "1603010200010001fc0303";

for (const [key, what, text] of [
  ["http", "An HTTP request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ["http2", "The preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
] as const) {
  should(`foreign-${key}`, `${what} instead of records gets no record`, async (t) => {
    const link = await t.open();
    link.send(Buffer.from(text));
    await link.closed().catch((error: Error) => {
      // HTTP may get an HTTP error response.
      if (
        !Buffer.from(link.garbage ?? "", "hex")
          .toString("latin1")
          .startsWith("HTTP/1.")
      )
        throw error;
    });
    same(link.records.length, 0, "records");
    await t.serves();
  });
}

for (const [key, what, bytes] of [
  ["tls", "A TLS handshake", Buffer.concat([Buffer.from(HELLO, "hex"), Buffer.alloc(506, 0x5a)])],
  ["ssh", "An SSH greeting", Buffer.from("SSH-2.0-OpenSSH_9.2\r\n")],
  ["text", "A line of text", Buffer.from("hello, is anybody there?\n")],
  ["zeroes", "100 KB of zeroes", Buffer.alloc(100000)],
  ["noise", "100 KB of noise", noise(100000)],
] as const) {
  should(
    `foreign-${key}`,
    `${what} instead of records closes the connection, without a response`,
    async (t) => {
      const link = await t.open();
      link.send(bytes);
      await link.closed();
      same(link.received, 0, "bytes received");
      await t.serves();
    },
  );
}

/** Bytes that are the same in every run and do not begin with version 1. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 20240601;
  for (let n = 0; n < length; n++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[n] = state >>> 24;
  }
  bytes[0] = 0x99;
  return bytes;
}

/** Sends `chunk` over and over as far as the application takes it; others must be served meanwhile. */
async function pour(t: Bench, link: Link, chunk: Buffer, times: number): Promise<void> {
  const probe = Math.ceil(times / 10);
  for (let n = 0; n < times && !link.isClosed; n++) {
    link.send(chunk);
    if (n % probe === 0) await t.serves();
    for (let tries = 0; link.unsent > 2097152 && !link.isClosed; tries++) {
      // An application that stops reading protects itself, which is enough.
      if (tries === 20) return;
      await t.serves();
    }
  }
  await t.serves();
}

function many(record: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => record));
}

should(
  "300000-empty-records-leave",
  "300,000 empty records leave others served, and memory bounded",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    await pour(t, link, many(wire.record(wire.STDIN, 1), 3000), 100);
    t.bounded(before);
  },
);

should(
  "300000-empty-DATA-records",
  "300,000 empty DATA records within a request leave others served, and memory bounded",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    link.send(t.head(1, "/stdin", { body: "0123" }));
    await pour(t, link, many(wire.record(wire.DATA, 1), 3000), 100);
    t.bounded(before);
  },
);

should(
  "65535-requests-never-go",
  "65,535 requests that never go on leave others served, and memory bounded",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    for (let first = 1; first <= 65535 && !link.isClosed; first += 13107) {
      const begins = Array.from({ length: 13107 }, (_, n) => wire.begin(first + n, 1));
      await pour(t, link, Buffer.concat(begins), 1);
    }
    t.bounded(before);
  },
);

should(
  "50000-GET_VALUES-answers-nobody",
  "50,000 GET_VALUES whose responses nobody reads leave others served, and memory bounded",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    link.pause();
    const names = ["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"].map((name) => [name, ""] as const);
    await pour(t, link, many(wire.record(wire.GET_VALUES, 0, wire.pairs(names)), 500), 100);
    t.bounded(before);
  },
);

should(
  "200000-unknown-management-records",
  "200,000 unknown management records whose responses nobody reads leave others served",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    link.pause();
    await pour(t, link, many(wire.record(77, 0), 2000), 100);
    t.bounded(before);
  },
);

should(
  "download-200-mb",
  "a response of 200 MB that nobody reads leaves others served, and memory bounded",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    link.pause();
    link.send(t.request(1, "/large?bytes=200000000"));
    for (let n = 0; n < 30; n++) await t.serves();
    t.bounded(before);
  },
);

should(
  "upload-200-mb",
  "an upload of 200 MB that the application does not read leaves others served, and memory bounded",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    link.send(t.head(1, "/never", { body: "x", length: "200000000" }));
    await pour(t, link, many(wire.record(wire.STDIN, 1, Buffer.alloc(65535, "u")), 16), 200);
    t.bounded(before);
  },
);

should(
  "64-mb-record-unknown",
  "64 MB of a record of an unknown type leave others served, and memory bounded",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    await pour(t, link, many(wire.record(99, 7, Buffer.alloc(65535)), 16), 64);
    t.bounded(before);
  },
);

/** Leaves `count` connections in the states in turn, and checks that other connections are served. */
async function stuck(t: Bench, count: number): Promise<void> {
  await t.needsConnections(count + 10);
  const before = t.memory();
  const parts = [
    wire.begin(1, 1).subarray(0, 5),
    wire.begin(1, 1).subarray(0, 12),
    wire.begin(1, 1),
    t.head(1, "/params").subarray(0, -20),
    t.request(1, "/stdin", { body: "0123456789" }).subarray(0, -13),
    wire.record(wire.STDIN, 9, Buffer.alloc(65535)).subarray(0, 60000),
  ];
  for (let n = 0; n < count; n++) {
    const link = await t.open();
    link.send(parts[n % parts.length]!);
  }
  for (let n = 0; n < 5; n++) await t.serves();
  t.bounded(before);
}

must("connection-stuck-half-record", "a connection stuck in half a record leaves others served", (t) =>
  stuck(t, 1),
);
must("20-connections-stuck-half", "20 connections stuck in half a record leave others served", (t) =>
  stuck(t, 20),
);
should("300-connections-stuck-half", "300 connections stuck in half a record leave others served", (t) =>
  stuck(t, 300),
);

should(
  "1000-connections-once-accepted",
  "1,000 connections at once are accepted, and each is served",
  async (t) => {
    await t.needsConnections(1010);
    const links: Link[] = [];
    for (let n = 0; n < 1000; n++) links.push(await t.open());
    for (const [n, link] of links.entries()) link.send(t.tokenRequest(1, `n${n}`));
    for (const [n, link] of links.entries()) t.served(await link.response(1), `n${n}`);
  },
);

should(
  "500-connections-reset-once",
  "500 connections that are reset at once leave others served",
  async (t) => {
    for (let n = 0; n < 500; n++) {
      const link = await t.open();
      link.send(t.request(1, "/params"));
      link.reset();
    }
    await t.serves();
  },
);

should(
  "1000-connections-request-leave",
  "1,000 connections for one request each leave nothing behind",
  async (t) => {
    await t.serves();
    const before = t.memory();
    for (let n = 0; n < 1000; n++) await t.serves();
    t.bounded(before);
  },
);

should(
  "failure-application-leaves-requests",
  "a failure of the application leaves requests on other connections alone",
  async (t) => {
    const link = await t.open();
    const request = t.tokenRequest(1, "other");
    link.send(request.subarray(0, -16));
    const failing = await t.open();
    failing.send(t.request(1, "/throw"));
    await failing.until("the end", () => failing.isClosed || failing.hasEnded(1));
    link.send(request.subarray(-16));
    t.served(await link.response(1), "other");
  },
);

should(
  "half-record-end-request",
  "half a record, then the end: the request before it still gets its response",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/ticks?token=whole"), wire.begin(2, 1).subarray(0, 11));
    link.finish();
    same((await link.response(1)).text, "tick whole\n".repeat(20), "the response");
  },
);

must("slow-output-request-leaves", "slow output of one request leaves others served meanwhile", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/ticks?token=slow"));
  await link.output(1, "tick slow");
  await t.serves();
  check(!link.hasEnded(1), "the slow request ended before another one was served");
  same((await link.response(1)).text, "tick slow\n".repeat(20), "the slow response");
});

should(
  "200000-PARAMS-records-byte",
  "200,000 PARAMS records of one byte leave others served, and memory bounded",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    link.send(
      wire.begin(1, 1),
      wire.record(wire.PARAMS, 1, wire.length(250000)),
      wire.record(wire.PARAMS, 1, "\x80"),
    );
    await pour(t, link, many(wire.record(wire.PARAMS, 1, "x"), 2000), 100);
    t.bounded(before);
  },
);

should(
  "200000-STDIN-records-byte",
  "200,000 STDIN records of one byte before the end of PARAMS leave others served",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    link.send(t.head(1, "/stdin", { method: "POST", length: "200000" }).subarray(0, -8));
    await pour(t, link, many(wire.record(wire.STDIN, 1, "x"), 2000), 100);
    t.bounded(before);
  },
);

should(
  "500000-STDIN-records-byte",
  "500,000 STDIN records of one byte that the application does not read leave others served",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    link.send(t.head(1, "/never", { method: "POST", length: "500000" }));
    await pour(t, link, many(wire.record(wire.STDIN, 1, "x"), 5000), 100);
    t.bounded(before);
  },
);

should(
  "2000-answers-connection-nobody",
  "2,000 responses on one connection that nobody reads leave others served, and memory bounded",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    link.pause();
    for (let first = 1; first <= 2000 && !link.isClosed; first += 100) {
      const requests = Array.from({ length: 100 }, (_, n) => t.request(first + n, "/large?bytes=200000"));
      await pour(t, link, Buffer.concat(requests), 1);
    }
    t.bounded(before);
  },
);

should(
  "2000-requests-aborted-once",
  "2,000 requests that are aborted at once leave nothing behind",
  async (t) => {
    const before = t.memory();
    const link = await t.open();
    const pair = Buffer.concat([t.request(1, "/never"), wire.record(wire.ABORT_REQUEST, 1)]);
    await pour(t, link, many(pair, 20), 100);
    t.bounded(before);
  },
);
