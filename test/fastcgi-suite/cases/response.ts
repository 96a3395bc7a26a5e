import * as wire from "../../support/wire.ts";
import { check, type Section, same, section } from "../suite.ts";

export const response: Section = section("6.2", "Responder: CGI response (RFC 3875, 6)");
const { must, should } = response;

const HOP_BY_HOP = ["connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"];

must("cgi-head", "the response begins with a CGI head, not with an HTTP status line", async (t) => {
  const res = await t.get("/params");
  check(res.head !== "", "no blank line after the head");
  check(!res.stdout.toString("latin1").startsWith("HTTP/"), "HTTP status line");
});

must(
  "head-content-type-location-status",
  "the head has a Content-Type, Location or Status field",
  async (t) => {
    const res = await t.get("/params");
    check(
      ["content-type", "location", "status"].some((name) => res.field(name).length > 0),
      res.head,
    );
  },
);

must("field-lines", "every line of the head is a header field", async (t) => {
  for (const line of (await t.get("/cookies")).head.split(/\r?\n/)) {
    check(/^[!#$%&'*+\-.^_`|~\w]+:/.test(line), `line ${JSON.stringify(line)}`);
  }
});

should("line-ends", "lines of the head end with CR LF", async (t) => {
  const head = (await t.get("/cookies")).stdout.toString("latin1").split("\r\n\r\n")[0]!;
  check(!head.replaceAll("\r\n", "").includes("\n"), "a bare LF");
});

for (const code of [201, 404, 503]) {
  must(`status-${code}`, `status ${code} is sent as a Status field with the code and a reason`, async (t) => {
    const [status = ""] = (await t.get(`/status?code=${code}`)).field("status");
    check(status.startsWith(`${code} `), `Status: ${status}`);
  });
}

must("most-status-field", "there is at most one Status field", async (t) => {
  check((await t.get("/status?code=404")).field("status").length === 1, "number of Status fields");
});

must("plain-answer-no-hop-by-hop", "a plain response has no hop-by-hop field", async (t) => {
  const names = (await t.get("/params")).fields.map(([name]) => name);
  same(
    names.filter((name) => HOP_BY_HOP.includes(name)),
    [],
    "hop-by-hop fields",
  );
});

should(
  "hop-by-hop-fields-application-dropped",
  "hop-by-hop fields of the application are dropped",
  async (t) => {
    const res = await t.get("/hop");
    const names = res.fields.map(([name]) => name);
    same(
      names.filter((name) => HOP_BY_HOP.includes(name)),
      [],
      "hop-by-hop fields",
    );
    same(res.text, "hop", "the body");
  },
);

should(
  "application-sets-transfer-encoding-gets",
  "an application that sets Transfer-Encoding gets no chunk framing into its body",
  async (t) => {
    const res = await t.get("/chunked");
    same([res.text, res.field("transfer-encoding")], ["onetwo", []], "body and Transfer-Encoding");
  },
);

must("head", "a response to HEAD has no body", async (t) => {
  const res = await t.get("/large?bytes=1000", { method: "HEAD" });
  same([res.status, res.body.length], [200, 0], "status, length of the body");
});

for (const code of [204, 304]) {
  should(`no-body-${code}`, `a response ${code} has no body, whatever the application writes`, async (t) => {
    const res = await t.get(`/status?code=${code}`);
    same([res.status, res.text], [code, ""], "status, body");
  });

  should(`no-body-fields-${code}`, `a response ${code} says nothing of a body`, async (t) => {
    const res = await t.get(`/status?code=${code}`);
    same(
      [res.status, res.field("content-length").filter((v) => v !== "0")],
      [code, []],
      "status, Content-Length",
    );
    check(res.field("transfer-encoding").length === 0, "Transfer-Encoding");
  });
}

must("two-set-cookie-fields-stay", "two Set-Cookie fields stay two", async (t) => {
  same((await t.get("/cookies")).field("set-cookie"), ["a=1", "b=2"], "Set-Cookie");
});

must("injection", "CR LF in a value does not become another field", async (t) => {
  const res = await t.get("/crlf");
  same(res.field("injected"), [], "injected field");
  same(res.status, 200, "status");
});

must("content-type-application", "Content-Type is that of the application", async (t) => {
  check((await t.get("/params")).field("content-type")[0]?.startsWith("text/plain") === true, "Content-Type");
});

must(
  "content-length-application-sent-kept",
  "Content-Length of the application is sent, and kept",
  async (t) => {
    const res = await t.get("/length?declared=10&sent=10");
    same([res.field("content-length"), res.body.length], [["10"], 10], "Content-Length, length of the body");
  },
);

should("too-long", "no byte beyond Content-Length is sent", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/length?declared=5&sent=10"));
  await link.until("the end", () => link.isClosed || link.hasEnded(1));
  const res = link.hasEnded(1) ? await link.response(1) : link.begun(1);
  check(res.body.length <= 5, `body of ${res.body.length} bytes`);
});

should("too-short", "fewer bytes than Content-Length do not look complete", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/length?declared=10&sent=5"));
  await link.until("the end", () => link.isClosed || link.hasEnded(1));
  if (link.hasEnded(1)) check((await link.response(1)).appStatus !== 0, "appStatus is 0");
});

must("informational-responses-1xx-not", "informational responses (1xx) are not sent", async (t) => {
  const res = await t.get("/informational");
  same([res.status, res.text], [200, "informed"], "status, body");
});

should("expect-100-continue-triggers-nothing", "Expect: 100-continue triggers nothing", async (t) => {
  const res = await t.get("/stdin", { body: "body", params: [["HTTP_EXPECT", "100-continue"]] });
  same([res.status, res.text.split(" ")[0]], [200, "4"], "status, length of the body");
});

should("head-in-one-record", "the head comes in one STDOUT record", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/cookies"));
  const res = await link.response(1);
  const first = res.records.find((r) => r.type === wire.STDOUT)!;
  check(first.content.includes("\r\n\r\n") || first.content.includes("\n\n"), "a head in several records");
});

should("streamed", "streamed output arrives before the application ends", async (t) => {
  const link = await t.open();
  link.send(t.request(1, "/stream"));
  await link.output(1, "first\n");
});

should("http-1.0", "a response over HTTP/1.0 has no chunk framing either", async (t) => {
  const res = await t.get("/large?bytes=1000", { params: [["SERVER_PROTOCOL", "HTTP/1.0"]] });
  same(res.body.length, 1000, "length of the body");
});
