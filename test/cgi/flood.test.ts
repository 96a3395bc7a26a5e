import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { readRequestHead } from "../../src/cgi/read-request-head.ts";
import type { RequestHead } from "../../src/cgi/request-head.ts";
import { readFixtures } from "../fixtures/replay.ts";
import { pairs } from "../support/wire.ts";

type Pair = readonly [string, string];
const LIMITS = { maxPairs: 1000, maxHeaderSize: 262_144 };
const USUAL: readonly Pair[] = [
  ["REQUEST_METHOD", "GET"],
  ["REQUEST_URI", "/"],
];
const read = (...list: readonly Pair[]): RequestHead => readRequestHead(pairs([...USUAL, ...list]), LIMITS);

let serial = 0;
/** Requests with names that nobody has sent before. */
function flood(): void {
  for (let request = 0; request < 100; request++) {
    const names = Array.from({ length: 100 }, (): Pair => [`HTTP_INVENTED_${serial++}`, "x"]);
    assert.equal(Object.keys(read(...names).headers).length, 100);
  }
  for (let length = 100; length < 50_000; length += 1000) read([`HTTP_${"A".repeat(length)}`, "x"]);
}

describe("after a flood of invented names", () => {
  let cost: () => number;
  let costBefore: number;
  before(() => {
    const requests = readFixtures().flatMap(({ requests }) => requests.map(({ params }) => pairs(params)));
    const round = (): number => {
      const start = process.hrtime.bigint();
      for (const params of requests) readRequestHead(params, LIMITS);
      return Number(process.hrtime.bigint() - start);
    };
    // The least of many: what else runs on the machine only adds.
    cost = () => Math.min(...Array.from({ length: 60 }, round));
    costBefore = cost();
    flood();
  });

  test("repeated fields of new names are joined as ever", () => {
    for (const name of ["HTTP_X_TENANT", "HTTP_X_NEVER_SEEN", `HTTP_X_${"LONG_".repeat(60)}`]) {
      const { headers, rawHeaders } = read([name, "alpha"], ["HTTP_ACCEPT", "*/*"], [name, "beta"]);
      const key = name.slice(5).replaceAll("_", "-").toLowerCase();
      assert.equal(headers[key], "alpha, beta", name);
      assert.equal(rawHeaders.length, 6);
    }
  });

  test("a name is one whose case or dashes differ, learnt or not", () => {
    flood();
    const { headers } = read(["HTTP_X_A_NAME", "1"], ["HTTP_x-a-name", "2"], ["HTTP_X_A_NAME", "3"]);
    assert.equal(headers["x-a-name"], "1, 2, 3");
    assert.equal(read(["HTTP_ACCEPT", "1"], ["HTTP_accept", "2"]).headers.accept, "1, 2");
    const names = read(["HTTP_CONSTRUCTOR", "a"], ["HTTP_CONSTRUCTOR", "b"]).headers;
    assert.equal(names.constructor, "a, b");
  });

  test("a name that is pushed out in the middle of a request is still one", () => {
    const between = Array.from({ length: 900 }, (): Pair => [`HTTP_INVENTED_${serial++}`, "x"]);
    const { headers } = read(["HTTP_X_PUSHED_OUT", "1"], ...between, ["HTTP_X_PUSHED_OUT", "2"]);
    assert.equal(headers["x-pushed-out"], "1, 2");
  });

  test("cookies are joined, and the first Authorization and Host count", () => {
    const { headers } = read(
      ["HTTP_COOKIE", "a=1"],
      ["HTTP_COOKIE", "b=2"],
      ["HTTP_AUTHORIZATION", "first"],
      ["HTTP_AUTHORIZATION", "last"],
      ["HTTP_HOST", "first"],
      ["HTTP_HOST", "last"],
      ["HTTP_SET_COOKIE", "a"],
      ["HTTP_SET_COOKIE", "b"],
    );
    assert.deepEqual(
      { ...headers },
      { cookie: "a=1; b=2", authorization: "first", host: "first", "set-cookie": ["a", "b"] },
    );
  });

  test("requests are read in at most three times the time", () => {
    const after = cost();
    assert.ok(after < costBefore * 3, `${after} ns after it, ${costBefore} ns before`);
  });
});
