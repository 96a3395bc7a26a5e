import * as wire from "../../support/wire.ts";
import { check, type Section, same, section } from "../suite.ts";

export const begin: Section = section("5.1", "FCGI_BEGIN_REQUEST");

begin.must("responder", "the role Responder is served", async (t) => {
  t.served(await t.get("/params", { role: 1, params: [["CONF_TOKEN", "role"]] }), "role");
});

begin.must("reserved-bytes-body-ignored", "the reserved bytes of its body are ignored", async (t) => {
  const link = await t.open();
  const rest = t.tokenRequest(1, "reserved").subarray(16);
  link.send(wire.begin(1, 1, 1, 255), rest);
  t.served(await link.response(1), "reserved");
});

for (const length of [0, 1, 7, 9, 16]) {
  begin.should(
    `body-length-${length}`,
    `a body of ${length} bytes instead of 8 closes the connection`,
    async (t) => {
      const link = await t.open();
      const body = Buffer.concat([Buffer.of(0, 1, 1, 0, 0, 0, 0, 0), Buffer.alloc(8)]).subarray(0, length);
      link.send(wire.record(wire.BEGIN_REQUEST, 1, body), t.tokenRequest(1, "length").subarray(16));
      await link.closed();
      check(!link.hasEnded(1), "the request got a response");
    },
  );
}

begin.should(
  "BEGIN_REQUEST-active-id-closes",
  "a BEGIN_REQUEST for an active id closes the connection",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/never"), wire.begin(1, 1));
    await link.closed();
  },
);

begin.should(
  "BEGIN_REQUEST-id-params-not",
  "a BEGIN_REQUEST for an id whose params are not complete closes the connection",
  async (t) => {
    const link = await t.open();
    link.send(wire.begin(1, 1), wire.begin(1, 1));
    await link.closed();
  },
);

begin.should(
  "BEGIN_REQUEST-id-0-closes",
  "a BEGIN_REQUEST with id 0 closes the connection or gets UNKNOWN_TYPE",
  async (t) => {
    const link = await t.open();
    link.send(wire.begin(0, 1));
    await link.until(
      "a close or UNKNOWN_TYPE",
      () => link.isClosed || link.records.some((r) => r.type === wire.UNKNOWN_TYPE && r.content[0] === 1),
    );
  },
);

begin.must(
  "never-goes-on",
  "a request that is begun and never goes on leaves other connections alone",
  async (t) => {
    const link = await t.open();
    link.send(wire.begin(1, 1));
    for (let n = 0; n < 5; n++) await t.serves();
  },
);

begin.must("no-early-response", "no response begins before the params are complete", async (t) => {
  const link = await t.open();
  link.send(t.head(1, "/params").subarray(0, -8));
  await t.serves();
  await t.serves();
  same(link.received, 0, "bytes received");
  link.send(wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1));
  same((await link.response(1)).status, 200, "status");
});

begin.must(
  "second-request",
  "a second request on a busy connection is served, or refused with CANT_MPX_CONN",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/never"), t.tokenRequest(2, "second"));
    const response = await link.response(2);
    if (response.protocolStatus !== 1) t.served(response, "second");
  },
);

export const params: Section = section("5.2", "FCGI_PARAMS");

params.should(
  "request-without-param-ended",
  "a request without any param is ended with an error",
  async (t) => {
    const link = await t.open();
    link.send(wire.begin(1, 1), wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1));
    const response = await link.response(1);
    check(response.status >= 400 || response.appStatus !== 0, `got status ${response.status}`);
  },
);

params.should(
  "request-without-REQUEST_METHOD-ended",
  "a request without REQUEST_METHOD is ended",
  async (t) => {
    const link = await t.open();
    const list = t.params("/params").filter(([name]) => name !== "REQUEST_METHOD");
    link.send(wire.begin(1, 1), wire.record(wire.PARAMS, 1, wire.pairs(list)));
    link.send(wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1));
    await link.response(1);
    await t.serves();
  },
);

params.should("request-without-REQUEST_URI-ended", "a request without REQUEST_URI is ended", async (t) => {
  const link = await t.open();
  const list = t.params("/params").filter(([name]) => name !== "REQUEST_URI");
  link.send(wire.begin(1, 1), wire.record(wire.PARAMS, 1, wire.pairs(list)));
  link.send(wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1));
  await link.response(1);
  await t.serves();
});

params.should("nonsense-SERVER_PROTOCOL-no-harm", "a nonsense SERVER_PROTOCOL does no harm", async (t) => {
  const link = await t.open();
  const request = t.request(1, "/params", { params: [["SERVER_PROTOCOL", "\u00ff/9.9.9"]] });
  link.send(request);
  await link.response(1);
  await t.serves();
});

for (const [key, method] of [
  ["empty", ""],
  ["space", "FOO BAR"],
  ["line-break", "\r\n"],
  ["long", "X".repeat(5000)],
] as const) {
  params.should(
    `method-${key}`,
    `a REQUEST_METHOD of ${JSON.stringify(method.slice(0, 10))} does no harm`,
    async (t) => {
      const link = await t.open();
      link.send(t.request(1, "/params", { method }));
      await link.response(1);
      await t.serves();
    },
  );
}

params.should("PARAMS-after-end-no", "PARAMS after their end do no harm", async (t) => {
  const link = await t.open();
  link.send(
    t.head(1, "/never"),
    wire.record(wire.PARAMS, 1, wire.pair("CONF_A", "late")),
    wire.record(wire.PARAMS, 1),
  );
  await t.serves();
});

params.should("STDIN-before-end-PARAMS", "STDIN before the end of PARAMS does no harm", async (t) => {
  const link = await t.open();
  const head = t.head(1, "/stdin", { body: "body" });
  link.send(head.subarray(0, -8), wire.record(wire.STDIN, 1, "body"), wire.record(wire.STDIN, 1));
  link.send(head.subarray(-8));
  await t.serves();
  const other = await t.open();
  await t.servesOn(other, 1, "other");
});

params.must("HTTP_-params-request-header", "HTTP_ params are the request's header fields", async (t) => {
  const response = await t.get("/header?name=x-test", { params: [["HTTP_X_TEST", "a b; c=1"]] });
  same(response.text, `value=${Buffer.from("a b; c=1").toString("hex")}`, "the field");
});

params.should("HTTP_PROXY-not-handed-httpoxy", "HTTP_PROXY is not handed on (httpoxy)", async (t) => {
  const response = await t.get("/header?name=proxy", { params: [["HTTP_PROXY", "http://evil.invalid/"]] });
  same(response.text, "none", "the field Proxy");
});

params.should("header-field-keeps-bytes", "a header field keeps its bytes above 127", async (t) => {
  const response = await t.get("/header?name=x-test", { params: [["HTTP_X_TEST", "caf\u00e9"]] });
  same(response.text, "value=636166e9", "the field");
});

params.must("1000-bytes-query-arrive", "1,000 bytes of query arrive", async (t) => {
  const query = `name=x-test&fill=${"q".repeat(1000)}`;
  const response = await t.get(`/header?${query}`, { params: [["HTTP_X_TEST", "there"]] });
  same(response.text, `value=${Buffer.from("there").toString("hex")}`, "the field");
});

export const end: Section = section("5.5", "FCGI_END_REQUEST");

end.must("body-8-bytes-protocolstatus", "its body is 8 bytes, protocolStatus REQUEST_COMPLETE", async (t) => {
  const response = await t.get("/params");
  same([response.end?.length, response.protocolStatus], [8, 0], "length, protocolStatus");
});

end.must("appstatus-good-answer-0", "appStatus of a good response is 0", async (t) => {
  same((await t.get("/params")).appStatus, 0, "appStatus");
});

end.should("reserved-bytes-zero", "its reserved bytes are zero", async (t) => {
  const { end } = await t.get("/params");
  same(end?.subarray(5).toString("hex"), "000000", "reserved bytes");
});

end.must("last-record-request", "it is the last record of its request", async (t) => {
  const link = await t.open();
  await t.servesOn(link, 1, "one");
  await t.servesOn(link, 2, "fence");
  same(link.begun(1).records.length, 0, "records after END_REQUEST");
  check(!link.hasEnded(1), "a second END_REQUEST");
});

end.must("comes-HEAD-request", "it comes for a HEAD request", async (t) => {
  same((await t.get("/params", { method: "HEAD" })).protocolStatus, 0, "protocolStatus");
});

for (const role of [0, 4, 255, 257, 65535]) {
  end.must(`role-${role}`, `the role ${role} is refused with UNKNOWN_ROLE`, async (t) => {
    const link = await t.open();
    link.send(wire.begin(1, 1, role));
    same((await link.response(1)).protocolStatus, 3, "protocolStatus");
  });
}

end.must(
  "connection-KEEP_CONN-goes-after",
  "a connection with KEEP_CONN goes on after UNKNOWN_ROLE",
  async (t) => {
    const link = await t.open();
    link.send(wire.begin(1, 1, 99));
    same((await link.response(1)).protocolStatus, 3, "protocolStatus");
    await t.servesOn(link, 1, "after");
  },
);

end.must("params-body-refused-request", "params and body of a refused request are ignored", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/params", { role: 99, body: "body" }));
  same((await link.response(1)).protocolStatus, 3, "protocolStatus");
  await t.servesOn(link, 2, "fence");
  check(!link.hasEnded(1) && link.begun(1).records.length === 0, "a refused request got a response");
});

end.should(
  "application-fails-before-response",
  "an application that fails before its response head still ends the request, with status 500",
  async (t) => {
    const response = await t.get("/throw");
    same(response.status, 500, "status");
    await t.serves();
  },
);

end.should("failure-message-hidden", "the response to a failure does not show its message", async (t) => {
  const response = await t.get("/throw");
  check(!response.stdout.includes("secret"), "the message is in the response");
});

end.should(
  "application-fails-mid-answer-not",
  "an application that fails in mid-response does not make it look complete",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/throw-late"));
    await link.until("the end", () => link.isClosed || link.hasEnded(1));
    if (link.hasEnded(1)) check((await link.response(1)).appStatus !== 0, "appStatus is 0");
    await t.serves();
  },
);

export const authorizer: Section = section("6.3", "Authorizer");

authorizer.must(
  "role-refused-UNKNOWN_ROLE-answered",
  "the role is refused with UNKNOWN_ROLE, or the response has a status",
  async (t) => {
    const link = await t.open();
    link.send(t.request(1, "/params", { role: 2 }));
    const response = await link.response(1);
    check(response.protocolStatus === 3 || response.status > 0, "neither a refusal nor a response");
  },
);

authorizer.must("connection-goes-afterwards", "the connection goes on afterwards", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/params", { role: 2 }));
  await link.response(1);
  await t.servesOn(link, 1, "after");
});

export const filter: Section = section("6.4", "Filter");

filter.must(
  "role-refused-UNKNOWN_ROLE-answered",
  "the role is refused with UNKNOWN_ROLE, or the request gets a response",
  async (t) => {
    const link = await t.open();
    link.send(
      t.request(1, "/params", { role: 3 }),
      wire.record(wire.DATA, 1, "data"),
      wire.record(wire.DATA, 1),
    );
    const response = await link.response(1);
    check(response.protocolStatus === 3 || response.status > 0, "neither a refusal nor a response");
  },
);

filter.must("connection-goes-afterwards", "the connection goes on afterwards", async (t) => {
  const link = await t.open();
  link.send(
    t.request(1, "/params", { role: 3 }),
    wire.record(wire.DATA, 1, "data"),
    wire.record(wire.DATA, 1),
  );
  await link.response(1);
  await t.servesOn(link, 1, "after");
});
