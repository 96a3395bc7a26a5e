import { createHash } from "node:crypto";
import type { ReceivedResponse } from "../../support/link.ts";
import * as wire from "../../support/wire.ts";
import { type Bench, check, type Section, same, section } from "../suite.ts";

export const streams: Section = section("5.3", "FCGI_STDIN, DATA, STDOUT, STDERR");
const { must, should } = streams;

/** What /stdin responds with for a body. */
function digest(body: Uint8Array): string {
  return `${body.length} ${createHash("sha256").update(body).digest("hex")}`;
}

function bytes(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, n) => (n * 31 + (n >> 8)) & 255));
}

async function bodyArrives(t: Bench, body: Uint8Array, size?: number): Promise<void> {
  const link = await t.open();
  link.send(t.head(1, "/stdin", { body, flags: 0 }), wire.stream(wire.STDIN, 1, body, size));
  link.send(wire.record(wire.STDIN, 1));
  same((await link.response(1)).text, digest(body), "the body");
}

must("no-body", "a request with no body ends with an empty STDIN record", async (t) => {
  same((await t.get("/stdin")).text, digest(Buffer.alloc(0)), "the body");
});

must("length-0", "a body of no bytes with CONTENT_LENGTH 0 is empty", async (t) => {
  same((await t.get("/stdin", { method: "POST", length: "0" })).text, digest(Buffer.alloc(0)), "the body");
});

must("whole-body", "a body arrives byte for byte", (t) => bodyArrives(t, bytes(5000)));
must("body-records-3-bytes", "a body in records of 3 bytes arrives", (t) => bodyArrives(t, bytes(5000), 3));
must("body-65536-bytes-arrives", "a body of 65,536 bytes arrives", (t) => bodyArrives(t, bytes(65536)));
must("body-1-mib-largest", "a body of 1 MiB in the largest records arrives", (t) =>
  bodyArrives(t, bytes(1048576)),
);
must("body-1-mib-records", "a body of 1 MiB in records of 1,000 bytes arrives", (t) =>
  bodyArrives(t, bytes(1048576), 1000),
);
must("body-16-mib-arrives", "a body of 16 MiB arrives", (t) => bodyArrives(t, Buffer.alloc(16777216, "m")));

must("late-stdin", "STDIN that comes later than the params is waited for", async (t) => {
  const link = await t.open();
  link.send(t.head(1, "/stdin", { body: "late" }));
  await t.serves();
  link.send(wire.record(wire.STDIN, 1, "la"));
  await t.serves();
  link.send(wire.record(wire.STDIN, 1, "te"), wire.record(wire.STDIN, 1));
  same((await link.response(1)).text, digest(Buffer.from("late")), "the body");
});

should("body-without-CONTENT_LENGTH-delivered", "a body without CONTENT_LENGTH is delivered", async (t) => {
  const response = await t.get("/stdin", { body: "without length", length: null });
  same(response.text, digest(Buffer.from("without length")), "the body");
});

should("bytes-beyond-CONTENT_LENGTH-cut", "bytes beyond CONTENT_LENGTH are cut off", async (t) => {
  const response = await t.get("/stdin", { body: "0123456789", length: "4" });
  same(response.text, digest(Buffer.from("0123")), "the body");
});

should("body-beyond-CONTENT_LENGTH-0", "a body beyond CONTENT_LENGTH 0 is cut off", async (t) => {
  const response = await t.get("/stdin", { body: "0123456789", length: "0" });
  same(response.text, digest(Buffer.alloc(0)), "the body");
});

should(
  "body-shorter-CONTENT_LENGTH-not",
  "a body shorter than CONTENT_LENGTH is not taken for whole (6.2)",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/stdin", { body: "0123", length: "10" }));
    await link.until("an end", () => link.isClosed || link.hasEnded(1));
    if (!link.hasEnded(1)) return;
    const response = await link.response(1);
    check(
      response.status !== 200 || response.appStatus !== 0,
      "the application was given a short body as a whole one",
    );
  },
);

should("lost-connection", "a connection lost within a body is not taken for its end", async (t) => {
  const link = await t.open();
  link.send(t.head(1, "/stdin", { body: "0123456789" }), wire.record(wire.STDIN, 1, "0123"));
  link.finish();
  await link.until("an end", () => link.isClosed || link.hasEnded(1));
  if (!link.hasEnded(1)) return;
  const response = await link.response(1);
  check(
    response.status !== 200 || response.appStatus !== 0,
    "the application was given a lost body as a whole one",
  );
});

for (const [key, length] of [
  ["text", "abc"],
  ["negative", "-1"],
  ["exponent", "1e99"],
  ["empty", ""],
  ["overflow", "18446744073709551617"],
  ["hexadecimal", "0x10"],
  ["list", "4, 4"],
  ["space", "4 "],
] as const) {
  should(
    `content-length-${key}`,
    `CONTENT_LENGTH ${JSON.stringify(length)} neither crashes nor hangs`,
    async (t) => {
      const link = await t.open();
      link.send(t.request(1, "/stdin", { body: "body", length }));
      await link.until("an end", () => link.isClosed || link.hasEnded(1));
      await t.serves();
    },
  );
}

should(
  "body-not-read",
  "an application may respond without reading the body, and the connection goes on",
  async (t) => {
    const link = await t.open();
    same((await t.ask(link, 1, "/unread", { body: bytes(300000) })).text, "unread", "the response");
    await t.servesOn(link, 1, "after");
  },
);

should("response-before-body", "an application may respond before the body has come", async (t) => {
  const link = await t.open();
  link.send(t.head(1, "/unread", { body: "body" }), wire.record(wire.STDIN, 1, "b"));
  same((await link.response(1)).text, "unread", "the response");
  link.send(wire.record(wire.STDIN, 1, "ody"), wire.record(wire.STDIN, 1));
  await t.servesOn(link, 2, "after");
});

should("DATA-records-responder-ignored", "DATA records of a Responder are ignored", async (t) => {
  const link = await t.open();
  const request = t.request(1, "/stdin", { body: "body" });
  link.send(request.subarray(0, -20), wire.record(wire.DATA, 1, "data"), request.subarray(-20, -8));
  link.send(wire.record(wire.DATA, 1, "more"), wire.record(wire.DATA, 1), request.subarray(-8));
  same((await link.response(1)).text, digest(Buffer.from("body")), "the body");
});

should("STDIN-after-end-ignored", "STDIN after its end is ignored", async (t) => {
  const link = await t.open();
  link.send(
    t.request(1, "/stdin", { body: "body" }),
    wire.record(wire.STDIN, 1, "more"),
    wire.record(wire.STDIN, 1),
  );
  same((await link.response(1)).text, digest(Buffer.from("body")), "the body");
  await t.servesOn(link, 2, "after");
});

/** Makes sure that STDOUT ends with one empty record, and that there is none before. */
function endsOnce(response: ReceivedResponse): void {
  const lengths = response.records.filter((r) => r.type === wire.STDOUT).map((r) => r.content.length);
  same(lengths.at(-1), 0, "length of the last STDOUT record");
  check(!lengths.slice(0, -1).includes(0), "an empty STDOUT record before the end");
}

for (const [key, what, path, method] of [
  ["short", "a short response", "/params", "GET"],
  ["1-mib", "1 MiB", "/large?bytes=1048576", "GET"],
  ["head", "a response to HEAD", "/params", "HEAD"],
  ["204", "a response 204", "/status?code=204", "GET"],
  ["404", "a response 404", "/no-such-path", "GET"],
] as const) {
  must(
    `stdout-end-${key}`,
    `STDOUT of ${what} ends with one empty record, and has none before`,
    async (t) => {
      endsOnce(await t.get(path, { method }));
    },
  );
}

must(
  "empty-writes-application-become",
  "empty writes of the application become no empty STDOUT record",
  async (t) => {
    const response = await t.get("/empty-writes");
    same(response.text, "ab", "the response");
    endsOnce(response);
  },
);

must("END_REQUEST-comes-after-end", "END_REQUEST comes after the end of STDOUT", async (t) => {
  const types = (await t.get("/params")).records.map((r) => r.type);
  same([types.at(-1), types.lastIndexOf(wire.STDOUT) < types.length - 1], [wire.END_REQUEST, true], "order");
});

must(
  "stderr",
  "what the application writes to stderr arrives on STDERR, under the request's id",
  async (t) => {
    const link = await t.open();
    const response = await t.ask(link, 77, "/stderr?text=complaint");
    check(response.stderr.includes("complaint"), "it is not on STDERR");
    check(!response.stdout.includes("complaint"), "it is on STDOUT");
  },
);

must("stderr-end", "STDERR ends with an empty record if anything was written to it", async (t) => {
  const response = await t.get("/stderr?text=complaint");
  const lengths = response.records.filter((r) => r.type === wire.STDERR).map((r) => r.content.length);
  check(lengths.length > 0, "no STDERR record");
  same(lengths.indexOf(0), lengths.length - 1, "place of the empty STDERR record");
});

should("no-stderr", "nothing comes on STDERR if nothing was written to it", async (t) => {
  same((await t.get("/params")).stderr, "", "STDERR");
});

for (const length of [0, 1, 65527, 65528, 65535, 65536, 131072]) {
  must(`response-length-${length}`, `a response of ${length} bytes arrives whole`, async (t) => {
    same((await t.get(`/large?bytes=${length}`)).body.length, length, "length of the response");
  });
}

must("16-mib-in-pieces", "a response of 16 MiB arrives whole", async (t) => {
  same((await t.get("/large?bytes=16777216")).body.length, 16777216, "length of the response");
});

must(
  "answer-16-mib-arrives-whole",
  "a response of 16 MiB arrives whole at a reader that stops in between",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/large?bytes=16777216"));
    for (let stop = 1; stop <= 4; stop++) {
      await link.until("more of the response", () => link.received > stop * 1000000);
      link.pause();
      await t.serves();
      link.resume();
    }
    same((await link.response(1)).body.length, 16777216, "length of the response");
  },
);
