import type { Difference } from "./differences.ts";
import type { ServerName } from "./target.ts";

/** Cases that a web server decides in the same way. */
interface Group {
  /** Ids. */
  readonly cases: readonly string[];
  readonly expect: string;
  readonly reason: string;
  readonly variant?: string;
  readonly sometimes?: true;
}

const halfResponses: readonly string[] = [
  "endings/destroy-res",
  "endings/destroy-res-error",
  "endings/destroy-req",
  "endings/destroy-socket",
];
const throwsAfterHead = "endings/throws-after-head-in-framework";

const storesUploads = {
  cases: ["bodies/passed-on", "endings/client-gone-upload", "endings/413-held-back"],
  expect: "the application is called when the upload is complete",
};
const endlessUpload = "bodies/held-back-200-mb";
const clientGone = {
  cases: ["endings/client-gone"],
  expect: "the application hears of it when it next writes",
  reason: "Only nginx watches the client while the application is silent",
};
const zeroLength = {
  cases: ["fields/no-body"],
  expect: "`Content-Length: 0`",
  reason: "It sends CONTENT_LENGTH=0 with every request without a body",
};
const joinsFields = {
  cases: ["fields/repeated-distinct", "fields/repeated-first"],
  expect: "one field, its values joined with commas",
  reason: "It joins repeated fields before it passes them on",
};
const joinsCookies = {
  cases: ["fields/cookies", "frameworks/cookie-parser"],
  expect: "`a=1; b=2, c=3`",
  reason: "It joins Cookie fields with a comma, too; browsers send one field",
};
const underscores = {
  cases: ["spoofing/underscore"],
  expect: "`X_Name` arrives as `X-Name`",
  reason: "It passes names with underscores on; CGI cannot tell them apart. Remove them in its configuration",
};
const ownReason = {
  cases: ["heads/write-head-reason", "heads/own-reason"],
  expect: "the registered reason",
  reason: "It knows status codes only",
};
const relative = {
  cases: ["request-line/absolute-form"],
  expect: "`/abs?x=1`, and Host from the URL",
  reason: "It resolves the absolute form itself, as RFC 9112 wants it",
};
const noHost = {
  cases: ["request-line/http10"],
  expect: "the configured server name as Host",
};
const headWaits = {
  cases: ["streaming/flush-headers"],
  expect: "the head comes with the first of the body",
  reason: "It holds the head back until there is a body",
};
const options = { cases: ["request-line/asterisk"] };

const groups: Readonly<Partial<Record<ServerName, readonly Group[]>>> = {
  nginx: [
    relative,
    { ...options, expect: "400", reason: "It refuses the asterisk" },
    {
      cases: ["fields/host-example.com:8080", "fields/host-EXAMPLE.Com:80", "fields/host-[::1]:8080"],
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
      cases: ["bodies/read-late-5-mb", "endings/413-early", "frameworks/multer-20-mb"],
      variant: "minimal",
      expect: "nginx's own 413",
      reason: "`client_max_body_size` is 1 MB if left alone",
    },
  ],
  Caddy: [
    {
      cases: ["request-line/url-brackets", "request-line/utf8-path"],
      expect: "these characters percent-encoded",
      reason: "Go encodes again what is not a valid path",
    },
    relative,
    { ...options, expect: "200 without a body", reason: "Go's server responds to it itself" },
    joinsFields,
    joinsCookies,
    zeroLength,
    { ...underscores, sometimes: true },
    {
      cases: ["spoofing/dash-and-underscore"],
      expect: "one of the two",
      reason: "Both end in the same variable, and Go's maps have no order",
      sometimes: true,
    },
    ownReason,
    {
      ...storesUploads,
      expect: "pieces of an upload wait for 64 KB or its end, and the response for the end of the upload",
      reason: "Its FastCGI client fills whole records, and reads when it has written all",
    },
    {
      cases: [...halfResponses, throwsAfterHead],
      expect: "a response without Content-Length looks whole",
      reason:
        "Caddy 2.6 takes a reset for the end; 2.11 does not. It responds with 502 when it is still writing",
      sometimes: true,
    },
    clientGone,
  ],
  Apache: [
    { ...options, expect: "200 without a body", reason: "Apache responds to it itself" },
    joinsFields,
    joinsCookies,
    {
      cases: [
        "heads/content-length",
        "heads/content-length-head",
        "files/send-file/validators",
        "files/send-file/head",
        "files/static/validators",
        "files/static/head",
      ],
      expect: "no Content-Length, chunks instead",
      reason: "mod_proxy_fcgi drops the field",
    },
    headWaits,
    clientGone,
    {
      cases: ["endings/413-held-back"],
      expect: "the response comes after the upload",
      reason: "mod_proxy_fcgi sends the whole body before it reads",
    },
    {
      cases: ["request-line/url-encoded-slash"],
      variant: "minimal",
      expect: "404",
      reason: "`AllowEncodedSlashes NoDecode` is missing",
    },
    {
      cases: ["fields/authorization"],
      variant: "minimal",
      expect: "no Authorization",
      reason: "`CGIPassAuth On` is missing",
    },
    {
      cases: ["streaming/server-sent-events"],
      variant: "minimal",
      expect: "all events at the end",
      reason: "`flushpackets=on` is missing",
    },
  ],
  mod_fcgid: [
    { ...options, expect: "200 without a body", reason: "Apache responds to it itself" },
    zeroLength,
    {
      cases: [...halfResponses, throwsAfterHead],
      expect: "a response without Content-Length looks whole",
      reason: "A reset would make mod_fcgid end the whole process, so the response just ends",
    },
  ],
  lighttpd: [
    {
      cases: ["request-line/method-POST", "bodies/no-body-field"],
      expect: "411",
      reason: "lighttpd wants a Content-Length with POST",
    },
    {
      cases: ["bodies/method-GET"],
      expect: "400",
      reason: "Refused unless `server.http-parseopts` has `method-get-body`",
    },
    { ...relative, expect: "`/abs?x=1`" },
    { ...options, expect: "200 without a body", reason: "lighttpd responds to it itself" },
    joinsFields,
    zeroLength,
    {
      cases: ["fields/empty"],
      expect: "no such field",
      reason: "lighttpd drops empty fields",
    },
    {
      cases: ["fields/conditional"],
      expect: "206 with a part of the response",
      reason: "lighttpd serves Range itself out of a 200",
    },
    {
      cases: ["fields/host-EXAMPLE.Com:80"],
      expect: "`example.com`",
      reason: "`server.http-parseopts` normalises Host",
    },
    underscores,
    {
      cases: ["spoofing/dash-and-underscore"],
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
      cases: [...halfResponses, throwsAfterHead],
      expect: "a response without Content-Length looks whole",
      reason: "What had not gone out yet when the reset came is sent as if it were all",
      sometimes: true,
    },
    clientGone,
    {
      cases: [
        "bodies/chunked-small",
        "bodies/chunked-200-kb",
        "bodies/chunked-empty",
        "bodies/chunked-trailers",
        "late-bodies/chunked",
        "frameworks/json-chunked",
        "frameworks/multer-chunked",
        "connections/all-kinds",
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
      cases: ["request-line/no-host"],
      expect: "the request is passed on",
      reason: "HAProxy does not check for it",
    },
    zeroLength,
    {
      cases: ["bodies/chunked-200-kb"],
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
      cases: ["heads/16-kb"],
      expect: "502",
      reason: "A head must fit its buffer of 16 KB (`tune.bufsize`)",
    },
    clientGone,
  ],
  h2o: [
    { ...noHost, reason: "h2o names the host of its configuration" },
    {
      cases: ["request-line/no-host"],
      expect: "the request is passed on",
      reason: "h2o names the host of its configuration",
    },
    {
      cases: ["fields/cookies"],
      expect: "`a=1; b=2;c=3`",
      reason: "It joins Cookie fields without a blank",
    },
    underscores,
    {
      cases: ["spoofing/dash-and-underscore"],
      expect: "both values, joined",
      reason: "It passes names with underscores on; CGI cannot tell them apart",
    },
    { ...storesUploads, reason: "Uploads are stored first" },
    { cases: [endlessUpload], expect: "the upload is stored in a file", reason: "Uploads are stored first" },
    headWaits,
    {
      cases: [...halfResponses, throwsAfterHead],
      expect: "a response without Content-Length looks whole",
      reason: "h2o takes a reset for the end",
    },
    clientGone,
  ],
};

/** What web servers themselves decide otherwise, seen with the versions of Debian 12. */
export const webServerDifferences: readonly Difference[] = Object.entries(groups).flatMap(
  ([server, entries]) =>
    entries.flatMap(({ cases, ...rest }) =>
      cases.map((id) => ({ server: server as ServerName, case: id, ...rest })),
    ),
);
