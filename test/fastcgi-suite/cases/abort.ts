import type { Link } from "../../support/link.ts";
import * as wire from "../../support/wire.ts";
import { type Bench, check, type Section, same, section } from "../suite.ts";

export const abort: Section = section("5.4", "FCGI_ABORT_REQUEST");
const { must, should } = abort;

/** States in which a request can be aborted: what was sent of it, and what to wait for. */
const states: [key: string, state: string, arrive: (t: Bench, link: Link) => Promise<void>][] = [
  ["begin", "right after BEGIN_REQUEST", async (_t, link) => link.send(wire.begin(1, 1))],
  ["params", "within PARAMS", async (t, link) => link.send(t.head(1, "/params").subarray(0, -8))],
  [
    "before-stdin",
    "after PARAMS, before STDIN",
    async (t, link) => link.send(t.head(1, "/stdin", { body: "0123456789" })),
  ],
  [
    "stdin",
    "within STDIN",
    async (t, link) =>
      link.send(t.head(1, "/stdin", { body: "0123456789" }), wire.record(wire.STDIN, 1, "0123")),
  ],
  ["working", "while the application works", async (t, link) => link.send(t.request(1, "/never"))],
  [
    "responding",
    "in the midst of the response",
    async (t, link) => {
      link.send(t.request(1, "/stream"));
      await link.output(1, "first");
    },
  ],
];

for (const [key, state, arrive] of states) {
  must(`${key}-ended`, `aborted ${state}, a request gets END_REQUEST with REQUEST_COMPLETE`, async (t) => {
    const link = await t.open();
    await arrive(t, link);
    await t.serves();
    link.send(wire.record(wire.ABORT_REQUEST, 1));
    same((await link.response(1)).protocolStatus, 0, "protocolStatus");
  });

  should(`${key}-at-once`, `aborted ${state}, a request gets it within 100 ms`, async (t) => {
    let fastest = Number.POSITIVE_INFINITY;
    // Five tries, because a busy machine may hold up any of them.
    for (let n = 0; n < 5 && fastest > 100; n++) {
      const link = await t.open();
      await arrive(t, link);
      await t.serves();
      const start = performance.now();
      link.send(wire.record(wire.ABORT_REQUEST, 1));
      fastest = Math.min(fastest, (await link.response(1)).endedAt - start);
    }
    check(fastest <= 100, `it took ${Math.round(fastest)} ms`);
  });

  must(
    `${key}-connection`,
    `aborted ${state}, a request leaves its connection usable (KEEP_CONN)`,
    async (t) => {
      const link = await t.open();
      await arrive(t, link);
      link.send(wire.record(wire.ABORT_REQUEST, 1));
      await link.response(1);
      await t.servesOn(link, 2, "after");
      check(!link.hasEnded(1) && link.begun(1).records.length === 0, "something came after END_REQUEST");
    },
  );

  must(`${key}-id`, `aborted ${state}, a request leaves its id free for the next one`, async (t) => {
    const link = await t.open();
    await arrive(t, link);
    link.send(wire.record(wire.ABORT_REQUEST, 1));
    await link.response(1);
    await t.servesOn(link, 1, "after");
  });
}

must(
  "aborted-without-KEEP_CONN-request",
  "aborted without KEEP_CONN, a request is ended and its connection closed",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/never", { flags: 0 }), wire.record(wire.ABORT_REQUEST, 1));
    await link.response(1);
    await link.closed();
  },
);

must(
  "late-output-aborted-request",
  "late output of an aborted request never appears, not even in the next response under its id",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/ticks?token=old"));
    await link.output(1, "tick old");
    link.send(wire.record(wire.ABORT_REQUEST, 1));
    await link.response(1);
    const response = await t.ask(link, 1, "/ticks?token=new");
    check(!response.stdout.includes("old"), "output of the aborted request in the next one");
    same(response.text, "tick new\n".repeat(20), "the next response");
  },
);

must("ABORT_REQUEST-padding", "an ABORT_REQUEST with padding is one", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/never"), wire.record(wire.ABORT_REQUEST, 1, "", { padding: 255 }));
  same((await link.response(1)).protocolStatus, 0, "protocolStatus");
});

must(
  "ABORT_REQUEST-write-whole-request",
  "an ABORT_REQUEST in one write with its whole request gets one response",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/never"), wire.record(wire.ABORT_REQUEST, 1));
    await link.response(1);
    await t.servesOn(link, 2, "fence");
    check(!link.hasEnded(1), "a second END_REQUEST");
  },
);

must("aborted-twice", "two ABORT_REQUESTs for one request get one END_REQUEST", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/never"), wire.record(wire.ABORT_REQUEST, 1), wire.record(wire.ABORT_REQUEST, 1));
  await link.response(1);
  await t.servesOn(link, 2, "fence");
  check(!link.hasEnded(1), "a second END_REQUEST");
});

must(
  "ABORT_REQUEST-crosses-end-request",
  "an ABORT_REQUEST that crosses the end of its request does no harm",
  async (t) => {
    const link = await t.open();
    link.send(t.tokenRequest(1, "crossed"), wire.record(wire.ABORT_REQUEST, 1));
    await link.response(1);
    await t.servesOn(link, 2, "fence");
    check(!link.hasEnded(1), "a second END_REQUEST");
  },
);

should("ABORT_REQUEST-content-padding", "an ABORT_REQUEST with content and padding is one", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/never"), wire.record(wire.ABORT_REQUEST, 1, "content", { padding: 255 }));
  same((await link.response(1)).protocolStatus, 0, "protocolStatus");
});

must("STDIN-follows-ABORT_REQUEST-ignored", "STDIN that follows an ABORT_REQUEST is ignored", async (t) => {
  const link = await t.open();
  link.send(t.head(1, "/stdin", { body: "0123" }), wire.record(wire.STDIN, 1, "01"));
  link.send(wire.record(wire.ABORT_REQUEST, 1), wire.record(wire.STDIN, 1, "23"), wire.record(wire.STDIN, 1));
  await link.response(1);
  await t.servesOn(link, 2, "fence");
  check(!link.hasEnded(1) && link.begun(1).records.length === 0, "something came after END_REQUEST");
});

should("large-response", "an aborted large response ends early, between two records", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/large?bytes=100000000"));
  await link.until("the begin of the response", () => link.received > 100000);
  link.send(wire.record(wire.ABORT_REQUEST, 1));
  const response = await link.response(1);
  check(response.body.length < 100000000, "the whole response was sent");
  await t.servesOn(link, 1, "after");
});

should("100-aborted", "100 requests begun and aborted one after the other are each ended", async (t) => {
  const link = await t.open();
  for (let n = 0; n < 100; n++) {
    link.send(t.request(1, "/never"), wire.record(wire.ABORT_REQUEST, 1));
    await link.response(1);
  }
  await t.servesOn(link, 1, "after");
});
