import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readRequestHead } from "../../src/cgi/read-request-head.ts";
import { addTransferEncoding, type RequestHead } from "../../src/cgi/request-head.ts";
import { pairs } from "../support/wire.ts";

type Pair = readonly [string, string];
const USUAL: readonly Pair[] = [
  ["REQUEST_METHOD", "GET"],
  ["REQUEST_URI", "/a?b=c"],
  ["SERVER_PROTOCOL", "HTTP/1.1"],
];
const read = (...list: readonly Pair[]): RequestHead => readRequestHead(pairs(list), { maxPairs: 100 });
const readUsual = (...list: readonly Pair[]): RequestHead => read(...USUAL, ...list);
/** Without the null prototype that it may have. */
const headersOf = (...list: readonly Pair[]): object => ({ ...readUsual(...list).headers });

describe("readRequestHead: header fields", () => {
  const cases: readonly [name: string, params: readonly Pair[], headers: object][] = [
    ["HTTP_* in lower case with dashes", [["HTTP_ACCEPT_ENCODING", "gzip"]], { "accept-encoding": "gzip" }],
    ["an empty one", [["HTTP_X_EMPTY", ""]], { "x-empty": "" }],
    [
      "repeated ones joined by commas",
      [
        ["HTTP_ACCEPT", "a"],
        ["HTTP_ACCEPT", "b"],
      ],
      { accept: "a, b" },
    ],
    [
      "cookies joined by semicolons",
      [
        ["HTTP_COOKIE", "a=1"],
        ["HTTP_COOKIE", "b=2"],
      ],
      { cookie: "a=1; b=2" },
    ],
    [
      "the first Host only, also in rawHeaders",
      [
        ["HTTP_HOST", "a"],
        ["HTTP_HOST", "b"],
      ],
      { host: "a" },
    ],
    [
      "the first Authorization only",
      [
        ["HTTP_AUTHORIZATION", "a"],
        ["HTTP_AUTHORIZATION", "b"],
      ],
      { authorization: "a" },
    ],
    [
      "Set-Cookie as a list",
      [
        ["HTTP_SET_COOKIE", "a"],
        ["HTTP_SET_COOKIE", "b"],
      ],
      { "set-cookie": ["a", "b"] },
    ],
    ["Latin-1 as it came", [["HTTP_X", "\u00e9"]], { x: "\u00e9" }],
    ["no blanks and tabs at the end", [["HTTP_X", "a \t "]], { x: "a" }],
    ["no Proxy (httpoxy)", [["HTTP_PROXY", "http://evil"]], {}],
    ["no empty Host", [["HTTP_HOST", ""]], {}],
    [
      "Content-Length and Content-Type from their own variables",
      [
        ["CONTENT_LENGTH", "5"],
        ["CONTENT_TYPE", "text/plain"],
      ],
      { "content-length": "5", "content-type": "text/plain" },
    ],
    [
      "no empty Content-Length and Content-Type",
      [
        ["CONTENT_LENGTH", ""],
        ["CONTENT_TYPE", ""],
      ],
      {},
    ],
    [
      "no HTTP_CONTENT_LENGTH and HTTP_CONTENT_TYPE, which a client can forge",
      [
        ["HTTP_CONTENT_LENGTH", "9"],
        ["HTTP_CONTENT_TYPE", "x"],
      ],
      {},
    ],
    [
      "Transfer-Encoding where no length is",
      [["HTTP_TRANSFER_ENCODING", "chunked"]],
      { "transfer-encoding": "chunked" },
    ],
    [
      "no Transfer-Encoding beside a length",
      [
        ["HTTP_TRANSFER_ENCODING", "chunked"],
        ["CONTENT_LENGTH", "0"],
      ],
      { "content-length": "0" },
    ],
  ];
  for (const [name, params, headers] of cases) {
    test(`has ${name}`, () => assert.deepEqual(headersOf(...params), headers));
  }

  for (const length of ["abc", "-1", "1e99", "18446744073709551617", "0x10", "4, 4", " 4", "1.5"]) {
    test(`takes CONTENT_LENGTH ${JSON.stringify(length)} for none`, () => {
      const head = readUsual(["CONTENT_LENGTH", length]);
      assert.equal(head.contentLength, -1);
      assert.equal(head.headers["content-length"], undefined);
    });
  }

  test("has names of the prototype as plain names", () => {
    const head = readUsual(["HTTP___PROTO__", "x"], ["HTTP_CONSTRUCTOR", "y"], ["HTTP_TOSTRING", "z"]);
    assert.equal(({} as { x?: string }).x, undefined);
    assert.equal(head.headers.constructor, "y");
    assert.equal(head.headers.tostring, "z");
  });

  test("has rawHeaders in order, capitalised as browsers write them", () => {
    const head = readUsual(["HTTP_X_A", "1"], ["HTTP_HOST", "h"], ["HTTP_X_A", "2"]);
    assert.deepEqual(head.rawHeaders, ["X-A", "1", "Host", "h", "X-A", "2"]);
  });

  test("says afterwards that a body comes without length", () => {
    const head = readUsual();
    addTransferEncoding(head);
    assert.equal(head.headers["transfer-encoding"], "chunked");
    assert.deepEqual(head.rawHeaders, ["Transfer-Encoding", "chunked"]);
  });
});

describe("readRequestHead: the request line", () => {
  const urls: readonly [name: string, params: readonly Pair[], url: string][] = [
    [
      "REQUEST_URI as it is",
      [
        ["REQUEST_URI", "/%41?b=%20"],
        ["SCRIPT_NAME", "/A"],
      ],
      "/%41?b=%20",
    ],
    ["the asterisk", [["REQUEST_URI", "*"]], "*"],
    [
      "SCRIPT_NAME and PATH_INFO, encoded again",
      [
        ["SCRIPT_NAME", "/app"],
        ["PATH_INFO", "/a b/%"],
      ],
      "/app/a%20b/%25",
    ],
    [
      "QUERY_STRING behind them",
      [
        ["PATH_INFO", "/a"],
        ["QUERY_STRING", "b=c"],
      ],
      "/a?b=c",
    ],
    ["a path without slash", [["SCRIPT_NAME", "a"]], "/a"],
    ["bytes over 127", [["PATH_INFO", "/\u00e9"]], "/%E9"],
    ["UNENCODED_URL of IIS", [["UNENCODED_URL", "/a%20b"]], "/a%20b"],
    ["nothing at all", [], "/"],
  ];
  for (const [name, params, url] of urls) {
    test(`makes the URL of ${name}`, () => assert.equal(read(["REQUEST_METHOD", "GET"], ...params).url, url));
  }

  test("tells the client's address, and whether its connection is encrypted", () => {
    const head = readUsual(
      ["REMOTE_ADDR", "::1"],
      ["REMOTE_PORT", "9"],
      ["SERVER_ADDR", "10.0.0.1"],
      ["SERVER_PORT", "443"],
    );
    const { remoteAddress, remotePort, localAddress, localPort } = head;
    assert.deepEqual([remoteAddress, remotePort, localAddress, localPort], ["::1", "9", "10.0.0.1", "443"]);
    for (const [name, value, isEncrypted] of [
      ["HTTPS", "on", true],
      ["HTTPS", "1", true],
      ["HTTPS", "off", false],
      ["HTTPS", "ON", true],
      ["HTTPS", "yes", true],
      ["HTTPS", "true", true],
      ["HTTPS", "https", true],
      ["HTTPS", "0", false],
      ["HTTPS", "OFF", false],
      ["HTTPS", "Off", false],
      ["HTTPS", "no", false],
      ["HTTPS", "No", false],
      ["HTTPS", "false", false],
      ["HTTPS", " off ", false],
      ["REQUEST_SCHEME", "HTTPS", true],
      ["HTTPS", "", false],
      ["REQUEST_SCHEME", "https", true],
      ["REQUEST_SCHEME", "http", false],
    ] as const) {
      assert.equal(readUsual([name, value]).isEncrypted, isEncrypted, `${name}=${value}`);
    }
  });
});

describe("readRequestHead: problems", () => {
  test("an unknown method is 400, none at all 500 with the cause", () => {
    assert.equal(readUsual().problem, undefined);
    assert.equal(read(["REQUEST_METHOD", "FOO"]).problem?.statusCode, 400);
    assert.match(read(["REQUEST_METHOD", "FOO"]).problem?.message ?? "", /"FOO"/);
    const { problem } = read(["HTTP_HOST", "h"]);
    assert.equal(problem?.statusCode, 500);
    assert.match(problem?.message ?? "", /include fastcgi_params/);
  });

  test("too many pairs are 431", () => {
    const many = Array.from({ length: 101 }, (_, index): Pair => [`HTTP_X${index}`, "1"]);
    const { problem } = read(...many);
    assert.deepEqual([problem?.statusCode, problem?.message], [431, "params hold more than 100 pairs"]);
  });

  test("malformed params throw, and leave no trace in the next request", () => {
    const broken = Buffer.concat([pairs([["HTTP_A", "1"]]), Buffer.of(9, 9, 65)]);
    assert.throws(() => readRequestHead(broken, { maxPairs: 100 }), { code: "ERR_FCGI_PROTOCOL" });
    assert.deepEqual(headersOf(["HTTP_B", "2"]), { b: "2" });
  });
});

test("joins fields of one value, too, where joinDuplicateHeaders asks for it", () => {
  const list: Pair[] = [
    ["REQUEST_METHOD", "GET"],
    ["REQUEST_URI", "/"],
    ["HTTP_AUTHORIZATION", "a"],
    ["HTTP_AUTHORIZATION", "b"],
  ];
  assert.equal(read(...list).headers.authorization, "a");
  const limits = { maxPairs: 100, joinDuplicateHeaders: true };
  assert.equal(readRequestHead(pairs(list), limits).headers.authorization, "a, b");
});

test("header fields are in the order of their names behind Caddy, which has none, and as sent behind others", () => {
  const list: Pair[] = [
    ["HTTP_X_REQUEST_ID", "r"],
    ["HTTP_HOST", "a"],
    ["HTTP_ACCEPT", "1"],
    ["CONTENT_TYPE", "text/plain"],
    ["HTTP_X_REQUEST_AGE", "a"],
    ["HTTP_ACCEPT", "2"],
    ["HTTP_TE", "x"],
  ];
  const behind = (software: string): RequestHead => readUsual(...list, ["SERVER_SOFTWARE", software]);
  const caddy = behind("Caddy/v2.6.2");
  const sorted = ["Accept", "Accept", "Content-Type", "Host", "Te", "X-Request-Age", "X-Request-Id"];
  const values = ["1", "2", "text/plain", "a", "x", "a", "r"];
  assert.deepEqual(
    caddy.rawHeaders,
    sorted.flatMap((name, index) => [name, values[index]]),
  );
  const keys = ["accept", "content-type", "host", "te", "x-request-age", "x-request-id"];
  assert.deepEqual(Object.keys(caddy.headers), keys);
  assert.equal(caddy.headers.accept, "1, 2");
  const nginx = behind("nginx/1.22.1");
  assert.deepEqual(nginx.rawHeaders.slice(0, 4), ["X-Request-Id", "r", "Host", "a"]);
  assert.deepEqual(nginx.headers, caddy.headers);
});
