import type { Difference } from "./differences.ts";
import type { FrontEnd } from "./target.ts";

/** What several cases have in common that a front end decides otherwise. */
interface Group {
  readonly cases: readonly string[];
  readonly expect: string;
  readonly reason: string;
  readonly variant?: string;
  readonly sometimes?: true;
}

const halfAnswers: readonly string[] = [
  "res.destroy()",
  "res.destroy(error)",
  "req.destroy()",
  "req.socket.destroy()",
].map((what) => `does not let an answer look whole that ends with ${what}`);
const throwsAfterHead =
  "does not let an answer look whole whose handler throws after the head, in a framework";

const storesUploads = {
  cases: [
    "passes on what arrives of a body before the rest is there",
    "tells the application that the client is gone in the middle of an upload",
    "answers 413 while the client still holds back the body",
  ],
  expect: "the application is called when the upload is complete",
};
const endlessUpload = "holds back an upload of 200 MB that the application does not read, in bounded memory";
const clientGone = {
  cases: ["tells the application that the client is gone before the answer"],
  expect: "the application hears of it when it next writes",
  reason: "Only nginx watches the client while the application is silent",
};
const zeroLength = {
  cases: ["tells of no body where a GET has none"],
  expect: "`Content-Length: 0`",
  reason: "It sends CONTENT_LENGTH=0 with every request without a body",
};
const joinsFields = {
  cases: [
    "keeps the values of a repeated header field apart in headersDistinct",
    "keeps the first of a repeated field that allows only one",
  ],
  expect: "one field, its values joined with commas",
  reason: "It joins repeated fields before it passes them on",
};
const joinsCookies = {
  cases: ["joins several Cookie fields with semicolons", "cookie-parser reads several cookies"],
  expect: "`a=1; b=2, c=3`",
  reason: "It joins Cookie fields with a comma, too; browsers send one field",
};
const underscores = {
  cases: ["does not take a field with an underscore for its twin with a dash"],
  expect: "`X_Name` arrives as `X-Name`",
  reason: "It passes names with underscores on; CGI cannot tell them apart. Remove them in its configuration",
};
const ownReason = {
  cases: ["sends the reason that writeHead is given", "sends a reason of the application's own"],
  expect: "the registered reason",
  reason: "It knows status codes only",
};
const relative = {
  cases: ["passes a URL in absolute form as it is"],
  expect: "`/abs?x=1`, and Host from the URL",
  reason: "It resolves the absolute form itself, as RFC 9112 wants it",
};
const noHost = {
  cases: ["answers a request of HTTP/1.0 without a Host field"],
  expect: "the configured server name as Host",
};
const headWaits = {
  cases: ["sends the head at flushHeaders, before there is a body"],
  expect: "the head comes with the first of the body",
  reason: "It holds the head back until there is a body",
};
const options = { cases: ["passes OPTIONS *"] };

const groups: Readonly<Partial<Record<FrontEnd, readonly Group[]>>> = {
  nginx: [
    relative,
    { ...options, expect: "400", reason: "It refuses the asterisk" },
    {
      cases: ["example.com:8080", "EXAMPLE.Com:80", "[::1]:8080"].map(
        (host) => `passes Host: ${host} as it is`,
      ),
      expect: "the host without its port, in lower case",
      reason: "Debian's fastcgi_params sends HTTP_HOST=$host: examples/nginx has the other choices",
    },
    { ...noHost, reason: "Debian's fastcgi_params sends HTTP_HOST=$host, which falls back to server_name" },
    {
      ...storesUploads,
      variant: "buffered",
      reason: "Uploads are stored first; `fastcgi_request_buffering off` streams them",
    },
    {
      cases: [endlessUpload],
      variant: "buffered",
      expect: "the upload is stored in a file",
      reason: "Uploads are stored first; `fastcgi_request_buffering off` streams them",
    },
    {
      cases: [
        "keeps a body of 5 MB until the application reads it",
        "answers 413 to an upload of 8 MB before the body is there",
        "multer takes a file of 20 MB",
      ],
      variant: "minimal",
      expect: "nginx's own 413",
      reason: "`client_max_body_size` is 1 MB if left alone",
    },
  ],
  Caddy: [
    {
      cases: [
        "passes a URL with brackets, bars and quotes as it is",
        "refuses a URL with UTF-8 bytes in the path, or passes it as it is",
      ],
      expect: "these characters percent-encoded",
      reason: "Go encodes again what is not a valid path",
    },
    relative,
    { ...options, expect: "200 without a body", reason: "Go's server answers it itself" },
    joinsFields,
    joinsCookies,
    zeroLength,
    { ...underscores, sometimes: true },
    {
      cases: ["keeps a field with a dash apart from its twin with an underscore"],
      expect: "one of the two",
      reason: "Both end in the same variable, and Go's maps have no order",
      sometimes: true,
    },
    ownReason,
    {
      ...storesUploads,
      expect: "pieces of an upload wait for 64 KB or its end, and the answer for the end of the upload",
      reason: "Its FastCGI client fills whole records, and reads when it has written all",
    },
    {
      cases: [...halfAnswers, throwsAfterHead],
      expect: "an answer without Content-Length looks whole",
      reason: "Caddy 2.6 takes a reset for the end; 2.11 does not. It answers 502 when it is still writing",
      sometimes: true,
    },
    clientGone,
  ],
  Apache: [
    { ...options, expect: "200 without a body", reason: "Apache answers it itself" },
    joinsFields,
    joinsCookies,
    {
      cases: [
        "sends the application's own Content-Length",
        "sends the application's own Content-Length in answer to HEAD",
        "res.sendFile sends a file with its validators",
        "res.sendFile answers HEAD with the length of the file",
        "the static middleware sends a file with its validators",
        "the static middleware answers HEAD with the length of the file",
      ],
      expect: "no Content-Length, chunks instead",
      reason: "mod_proxy_fcgi drops the field",
    },
    headWaits,
    clientGone,
    {
      cases: ["answers 413 while the client still holds back the body"],
      expect: "the answer comes after the upload",
      reason: "mod_proxy_fcgi sends the whole body before it reads",
    },
    {
      cases: ["passes a URL with an encoded slash as it is"],
      variant: "minimal",
      expect: "404",
      reason: "`AllowEncodedSlashes NoDecode` is missing",
    },
    {
      cases: ["passes Authorization"],
      variant: "minimal",
      expect: "no Authorization",
      reason: "`CGIPassAuth On` is missing",
    },
    {
      cases: ["sends server-sent events one by one, each before the next is written"],
      variant: "minimal",
      expect: "all events at the end",
      reason: "`flushpackets=on` is missing",
    },
  ],
  mod_fcgid: [
    { ...options, expect: "200 without a body", reason: "Apache answers it itself" },
    zeroLength,
    {
      cases: [...halfAnswers, throwsAfterHead],
      expect: "an answer without Content-Length looks whole",
      reason: "A reset would make mod_fcgid end the whole process, so the answer just ends",
    },
  ],
  lighttpd: [
    {
      cases: ["passes the method POST", "passes a POST without any body field"],
      expect: "411",
      reason: "lighttpd wants a Content-Length with POST",
    },
    {
      cases: ["passes the body of a GET"],
      expect: "400",
      reason: "Refused unless `server.http-parseopts` has `method-get-body`",
    },
    { ...relative, expect: "`/abs?x=1`" },
    { ...options, expect: "200 without a body", reason: "lighttpd answers it itself" },
    joinsFields,
    zeroLength,
    {
      cases: ["passes an empty header field"],
      expect: "no such field",
      reason: "lighttpd drops empty fields",
    },
    {
      cases: ["passes the fields of a conditional request and of content negotiation"],
      expect: "206 with a part of the answer",
      reason: "lighttpd serves Range itself out of a 200",
    },
    {
      cases: ["passes Host: EXAMPLE.Com:80 as it is"],
      expect: "`example.com`",
      reason: "`server.http-parseopts` normalises Host",
    },
    underscores,
    {
      cases: ["keeps a field with a dash apart from its twin with an underscore"],
      expect: "both values, joined",
      reason: "It passes names with underscores on; CGI cannot tell them apart",
    },
    ownReason,
    {
      ...storesUploads,
      variant: "stored uploads",
      reason: "Uploads are stored first; `server.stream-request-body = 1` streams them",
    },
    {
      cases: [endlessUpload],
      variant: "stored uploads",
      expect: "the upload is stored in a file",
      reason: "Uploads are stored first; `server.stream-request-body = 1` streams them",
    },
    {
      cases: [...halfAnswers, throwsAfterHead],
      expect: "an answer without Content-Length looks whole",
      reason: "What had not gone out yet when the reset came is sent as if it were all",
      sometimes: true,
    },
    clientGone,
    {
      cases: [
        "passes a small chunked body without Content-Length",
        "passes a chunked body of 200 KB without Content-Length",
        "passes an empty chunked body",
        "passes a chunked body with extensions and trailers",
        "delivers a chunked body of 1,000 bytes that is read after the response",
        "express.json() parses a chunked body",
        "multer takes a chunked form",
        "answers requests of all kinds one after another on one connection",
      ],
      variant: "streamed uploads",
      expect: "411 unless the upload arrives with the head",
      reason: "Without storing it, lighttpd cannot tell the length",
      sometimes: true,
    },
  ],
  HAProxy: [
    { ...options, expect: "500", reason: "HAProxy finds no path in it" },
    {
      cases: ["refuses a request of HTTP/1.1 without a Host field"],
      expect: "the request is passed on",
      reason: "HAProxy does not check for it",
    },
    zeroLength,
    {
      cases: ["passes a chunked body of 200 KB without Content-Length"],
      expect: "400",
      reason: "A chunked upload must fit its buffer of 16 KB (`tune.bufsize`)",
    },
    {
      ...storesUploads,
      expect: "the application is called when 16 KB or all of the upload are there",
      reason: "HAProxy fills its buffer first",
    },
    {
      cases: [endlessUpload],
      expect: "the application is called late",
      reason: "HAProxy fills its buffer first",
    },
    {
      cases: ["sends a response head of 16 KB"],
      expect: "502",
      reason: "A head must fit its buffer of 16 KB (`tune.bufsize`)",
    },
    clientGone,
  ],
  h2o: [
    { ...noHost, reason: "h2o names the host of its configuration" },
    {
      cases: ["refuses a request of HTTP/1.1 without a Host field"],
      expect: "the request is passed on",
      reason: "h2o names the host of its configuration",
    },
    {
      cases: ["joins several Cookie fields with semicolons"],
      expect: "`a=1; b=2;c=3`",
      reason: "It joins Cookie fields without a blank",
    },
    underscores,
    {
      cases: ["keeps a field with a dash apart from its twin with an underscore"],
      expect: "both values, joined",
      reason: "It passes names with underscores on; CGI cannot tell them apart",
    },
    { ...storesUploads, reason: "Uploads are stored first" },
    { cases: [endlessUpload], expect: "the upload is stored in a file", reason: "Uploads are stored first" },
    headWaits,
    {
      cases: [...halfAnswers, throwsAfterHead],
      expect: "an answer without Content-Length looks whole",
      reason: "h2o takes a reset for the end",
    },
    clientGone,
  ],
};

/** What web servers themselves decide otherwise, seen with the versions of Debian 12. */
export const frontEndDifferences: readonly Difference[] = Object.entries(groups).flatMap(
  ([frontEnd, entries]) =>
    entries.flatMap(({ cases, ...rest }) =>
      cases.map((name) => ({ frontEnd: frontEnd as FrontEnd, case: name, ...rest })),
    ),
);
