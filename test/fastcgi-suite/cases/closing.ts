import * as wire from "../../support/wire.ts";
import { check, type Section, same, section } from "../suite.ts";

export const closing: Section = section("3.5", "Closing transport connections");
const { must, should } = closing;

must("closes", "without KEEP_CONN the application closes the connection after its response", async (t) => {
  const link = await t.open();
  await t.servesOn(link, 1, "closes", { flags: 0 });
  await link.closed();
});

must("keep-conn", "with KEEP_CONN the connection serves the next request", async (t) => {
  const link = await t.open();
  await t.servesOn(link, 1, "first");
  await t.servesOn(link, 1, "second");
});

must("100-requests-follow-other", "100 requests follow each other on one kept connection", async (t) => {
  const link = await t.open();
  for (let n = 0; n < 100; n++) await t.servesOn(link, 1, `n${n}`);
  check(!link.isClosed, "the connection was closed");
});

must(
  "KEEP_CONN-read-request-first",
  "KEEP_CONN is read for each request: the first one without it closes",
  async (t) => {
    const link = await t.open();
    await t.servesOn(link, 1, "kept");
    await t.servesOn(link, 1, "kept too");
    await t.servesOn(link, 1, "last", { flags: 0 });
    await link.closed();
  },
);

must("unknown-flags-not-stand", "unknown flags do not stand for KEEP_CONN", async (t) => {
  const link = await t.open();
  await t.servesOn(link, 1, "flags", { flags: 0xfe });
  await link.closed();
});

must("unknown-flags-beside-KEEP_CONN", "unknown flags beside KEEP_CONN are ignored", async (t) => {
  const link = await t.open();
  await t.servesOn(link, 1, "flags", { flags: 0xff });
  await t.servesOn(link, 1, "again");
});

must("4-mib-before-close", "nothing of 4 MiB is lost when the connection closes after them", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/large?bytes=4194304", { flags: 0 }));
  same((await link.response(1)).body.length, 4194304, "length of the response");
  await link.closed();
});

/** A response that takes a while, so that the end of the web server's side is seen before its end. */
const SLOW = "/ticks?token=half";

should(
  "web-server-half-closes-after",
  "a web server that half-closes after its request gets the response",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, SLOW, { flags: 0 }));
    link.finish();
    same((await link.response(1)).text, "tick half\n".repeat(20), "the response");
    await link.closed();
  },
);

should(
  "web-server-half-closes-gets",
  "a web server that half-closes gets a large response whole",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/large?bytes=4194304", { flags: 0 }));
    link.finish();
    same((await link.response(1)).body.length, 4194304, "length of the response");
  },
);

should(
  "web-server-half-closes-kept",
  "a web server that half-closes a kept connection gets its response, then the end",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, SLOW));
    link.finish();
    same((await link.response(1)).text, "tick half\n".repeat(20), "the response");
    await link.closed();
  },
);

must(
  "connection-web-server-ends",
  "a connection that the web server ends between requests is given up",
  async (t) => {
    const link = await t.open();
    await t.servesOn(link, 1, "first");
    link.finish();
    await link.closed();
  },
);

must(
  "connection-nothing-ever-sent",
  "a connection on which nothing was ever sent ends with the web server's end",
  async (t) => {
    const link = await t.open();
    link.finish();
    await link.closed();
    same(link.received, 0, "bytes sent by the application");
  },
);

must("application-sends-nothing-before", "the application sends nothing before it is asked", async (t) => {
  const [link, other] = [await t.open(), await t.open()];
  await t.servesOn(other, 1, "other");
  same(link.received, 0, "bytes sent by the application");
  await t.servesOn(link, 1, "asked");
});

must(
  "refused-role-without-KEEP_CONN",
  "a refused role without KEEP_CONN closes the connection",
  async (t) => {
    const link = await t.open();
    link.send(wire.begin(1, 0, 77));
    await link.closed();
  },
);

should(
  "rest-body-nobody-read",
  "the rest of a body that nobody read does not cost the end of the response",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/unread", { flags: 0, body: Buffer.alloc(300000, "b") }));
    same((await link.response(1)).text, "unread", "the response");
    await link.closed();
  },
);
