import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeParams } from "../../src/cgi/params.ts";
import { pair, pairs } from "../support/wire.ts";

test("params have no prototype: any name is harmless", () => {
  const params = decodeParams(
    pairs([
      ["__proto__", "x"],
      ["toString", "y"],
    ]),
  );
  assert.equal(Object.getPrototypeOf(params), null);
  assert.deepEqual(Object.entries(params), [
    ["__proto__", "x"],
    ["toString", "y"],
  ]);
  assert.equal(({} as { x?: string }).x, undefined);
});

test("of a repeated name the last value counts, header fields are joined", () => {
  const list = [
    ["A", "1"],
    ["A", "2"],
    ["HTTP_ACCEPT", "a"],
    ["HTTP_ACCEPT", "b"],
    ["HTTP_COOKIE", "c"],
    ["HTTP_COOKIE", "d"],
  ] as const;
  assert.deepEqual({ ...decodeParams(pairs(list)) }, { A: "2", HTTP_ACCEPT: "a, b", HTTP_COOKIE: "c; d" });
});

test("header fields and REQUEST_URI are Latin-1, all else UTF-8 where its bytes are", () => {
  const utf8 = Buffer.from("\u00e9");
  const content = Buffer.concat([
    pair("PATH_INFO", utf8),
    pair("HTTP_X", utf8),
    pair("REQUEST_URI", utf8),
    pair("SCRIPT_NAME", Buffer.of(0xe9)),
  ]);
  const expected = {
    PATH_INFO: "\u00e9",
    HTTP_X: "\u00c3\u00a9",
    REQUEST_URI: "\u00c3\u00a9",
    SCRIPT_NAME: "\u00e9",
  };
  assert.deepEqual({ ...decodeParams(content) }, expected);
});

test("malformed params throw", () => {
  assert.throws(() => decodeParams(Buffer.of(9)), { code: "ERR_FCGI_PROTOCOL" });
});
