import * as wire from "../../support/wire.ts";
import { type Case, check, type Section, same, section } from "../suite.ts";

/** The empty PARAMS and the empty STDIN record: while they are held back, a request gets no response. */
const ENDS = 16;

export const multiplexing: Section = section("3.3-mpx", "Multiplexing, where FCGI_MPXS_CONNS is 1");

function must(name: string, title: string, run: Case["run"]): void {
  multiplexing.must(name, title, async (t) => {
    await t.needsMultiplexing();
    await run(t);
  });
}
function should(name: string, title: string, run: Case["run"]): void {
  multiplexing.should(name, title, async (t) => {
    await t.needsMultiplexing();
    await run(t);
  });
}

must("params-interleave", "requests whose PARAMS interleave are told apart", async (t) => {
  const link = await t.open();
  const ids = [1, 2, 3];
  const lists = ids.map((id) => wire.pairs([...t.params("/params"), ["CONF_TOKEN", `id${id}`]]));
  link.send(...ids.map((id) => wire.begin(id, 1)));
  for (let at = 0; at < lists[0]!.length; at += 10) {
    link.send(...ids.map((id, n) => wire.record(wire.PARAMS, id, lists[n]!.subarray(at, at + 10))));
  }
  link.send(
    ...ids.map((id) => wire.record(wire.PARAMS, id)),
    ...ids.map((id) => wire.record(wire.STDIN, id)),
  );
  for (const id of ids) t.served(await link.response(id), `id${id}`);
});

must("stdin-interleaves", "requests whose STDIN interleaves are told apart", async (t) => {
  const link = await t.open();
  const lengths = [10, 20, 30];
  for (const [n, length] of lengths.entries()) {
    link.send(t.head(n + 1, "/stdin", { body: "x".repeat(length) }));
  }
  for (let round = 0; round < 10; round++) {
    for (const [n, length] of lengths.entries()) {
      link.send(wire.record(wire.STDIN, n + 1, "x".repeat(length / 10)));
    }
  }
  for (const n of [1, 2, 3]) link.send(wire.record(wire.STDIN, n));
  for (const [n, length] of lengths.entries()) {
    same((await link.response(n + 1)).text.split(" ")[0], String(length), "length of the body that arrived");
  }
});

must("later-request-first", "a later request that is complete earlier gets its response first", async (t) => {
  const link = await t.open();
  const first = t.tokenRequest(1, "first");
  link.send(first.subarray(0, -ENDS), t.tokenRequest(2, "second"));
  t.served(await link.response(2), "second");
  link.send(first.subarray(-ENDS));
  t.served(await link.response(1), "first");
});

must("100-requests", "100 requests at once all get responses, each under its id", async (t) => {
  const max = Number((await t.value("FCGI_MAX_REQS")) ?? 100);
  const link = await t.open();
  const ids = Array.from({ length: Math.min(100, max) }, (_, n) => n + 1);
  link.send(...ids.map((id) => t.tokenRequest(id, `token${id}`)));
  for (const id of ids) t.served(await link.response(id), `token${id}`);
});

must("100-requests-begun-before", "100 requests begun before any goes on all get responses", async (t) => {
  const max = Number((await t.value("FCGI_MAX_REQS")) ?? 100);
  const link = await t.open();
  const ids = Array.from({ length: Math.min(100, max) }, (_, n) => 100 - n);
  link.send(...ids.map((id) => wire.begin(id, 1)));
  link.send(...ids.map((id) => t.tokenRequest(id, `token${id}`).subarray(16)));
  for (const id of ids) t.served(await link.response(id), `token${id}`);
});

must("ids-far-apart", "ids far apart live side by side", async (t) => {
  const link = await t.open();
  const ids = [65535, 1, 32768, 256, 255];
  link.send(...ids.map((id) => wire.begin(id, 1)));
  link.send(...ids.map((id) => t.tokenRequest(id, `token${id}`).subarray(16)));
  for (const id of ids) t.served(await link.response(id), `token${id}`);
});

must(
  "request-without-response",
  "a request that never gets a response does not hold up others",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/never"));
    for (let n = 2; n < 12; n++) await t.servesOn(link, n, `n${n}`);
  },
);

must("body-without-end", "a request whose body never ends does not hold up others", async (t) => {
  const link = await t.open();
  link.send(t.head(1, "/stdin", { body: "0123456789" }), wire.record(wire.STDIN, 1, "0123"));
  for (let n = 2; n < 12; n++) await t.servesOn(link, n, `n${n}`);
});

should("unread-200-kb", "200 KB of a body that nobody reads do not hold up others", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/never", { body: Buffer.alloc(200000, "b") }));
  for (let n = 2; n < 12; n++) await t.servesOn(link, n, `n${n}`);
});

should("small-beside-large", "a small response goes between the records of a big one", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/large?bytes=50000000"));
  await link.until("the begin of the big response", () => link.received > 0);
  await t.servesOn(link, 2, "small");
  check(!link.hasEnded(1), "the big response was sent whole before the small one");
  same((await link.response(1)).body.length, 50000000, "length of the big response");
});

must("two-large", "two big responses at once are told apart", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/large?bytes=3000000"), t.request(2, "/large?bytes=2000000"));
  same((await link.response(1)).body.length, 3000000, "length of the first");
  same((await link.response(2)).body.length, 2000000, "length of the second");
});

must("id-reused", "an id is free for the next request while others are active", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/never"));
  for (let n = 0; n < 20; n++) await t.servesOn(link, 2, `again${n}`);
});

must("aborted", "an aborted request does not disturb its neighbours", async (t) => {
  const link = await t.open();
  const neighbour = t.tokenRequest(2, "neighbour");
  link.send(t.request(1, "/never"), neighbour.subarray(0, -ENDS));
  link.send(wire.record(wire.ABORT_REQUEST, 1));
  await link.response(1);
  link.send(neighbour.subarray(-ENDS));
  t.served(await link.response(2), "neighbour");
});

must("unknown-role", "a refused role does not disturb its neighbours", async (t) => {
  const link = await t.open();
  const neighbour = t.tokenRequest(2, "neighbour");
  link.send(neighbour.subarray(0, -ENDS), wire.begin(1, 1, 99));
  same((await link.response(1)).protocolStatus, 3, "protocolStatus");
  link.send(neighbour.subarray(-ENDS));
  t.served(await link.response(2), "neighbour");
});

should(
  "malformed-params",
  "params that are wrong in one request do not disturb its neighbours",
  async (t) => {
    const link = await t.open();
    const neighbour = t.tokenRequest(2, "neighbour");
    link.send(neighbour.subarray(0, -ENDS), wire.begin(1, 1), wire.record(wire.PARAMS, 1, Buffer.of(9, 9)));
    link.send(wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1));
    await link.response(1);
    link.send(neighbour.subarray(-ENDS));
    t.served(await link.response(2), "neighbour");
  },
);

should(
  "application-fails",
  "an application that fails in one request does not disturb its neighbours",
  async (t) => {
    const link = await t.open();
    const neighbour = t.tokenRequest(2, "neighbour");
    link.send(neighbour.subarray(0, -ENDS), t.request(1, "/throw"));
    await link.response(1);
    link.send(neighbour.subarray(-ENDS));
    t.served(await link.response(2), "neighbour");
  },
);

should("without-keep-conn", "a request without KEEP_CONN does not cut off its neighbours", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/ticks?token=slow"), t.tokenRequest(2, "closes", { flags: 0 }));
  t.served(await link.response(2), "closes");
  same((await link.response(1)).text, "tick slow\n".repeat(20), "response of the neighbour");
});

must("mixed-keep-conn", "KEEP_CONN of one request is not that of another", async (t) => {
  const link = await t.open();
  const last = t.tokenRequest(2, "last", { flags: 0 });
  link.send(last.subarray(0, -ENDS));
  await t.servesOn(link, 1, "kept");
  link.send(last.subarray(-ENDS));
  t.served(await link.response(2), "last");
  await link.closed();
});

must(
  "beyond-max-reqs",
  "requests beyond what the application takes on one connection are served, or get OVERLOADED",
  async (t) => {
    const link = await t.open();
    for (let id = 1; id <= 150; id++) link.send(t.request(id, "/never"));
    link.send(t.tokenRequest(151, "last"));
    const response = await link.response(151);
    if (response.protocolStatus !== 2) t.served(response, "last");
    await t.serves();
  },
);

should("500-requests", "500 requests at once over ten connections all get responses", async (t) => {
  const max = Number((await t.value("FCGI_MAX_REQS")) ?? 500);
  const ids = Array.from({ length: Math.floor(Math.min(500, max) / 10) }, (_, n) => n + 1);
  const links = [];
  for (let n = 0; n < 10; n++) links.push(await t.open());
  for (const link of links) link.send(...ids.map((id) => wire.begin(id, 1)));
  for (const link of links) link.send(...ids.map((id) => t.tokenRequest(id, `token${id}`).subarray(16)));
  for (const link of links) for (const id of ids) t.served(await link.response(id), `token${id}`);
});
