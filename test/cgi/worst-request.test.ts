import assert from "node:assert/strict";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { describe, test } from "node:test";
import { decodeParams } from "../../src/cgi/params.ts";
import { readRequestHead } from "../../src/cgi/read-request-head.ts";
import { pairs } from "../support/wire.ts";

/**
 * The most expensive requests that could be thought of within the limits of FCGI_PARAMS, and beyond those of the
 * head: reading them, and all that an application can ask of their fields, holds the event loop for less than 50 ms.
 */

type Pair = readonly [string, string];
const PARAMS_LENGTH = 262_144;
const LIMITS = [
  { maxPairs: 1000, maxHeaderSize: 16_384 },
  // What an operator may set for a site with large cookies.
  { maxPairs: 2000, maxHeaderSize: 32_768 },
];
const CADDY: Pair = ["SERVER_SOFTWARE", "Caddy/v2.6.2"];
const USUAL: readonly Pair[] = [
  ["REQUEST_METHOD", "GET"],
  ["REQUEST_URI", "/"],
];

/** As many pairs as fit, in an order that is as good as random. */
function fill(total: number, pair: (index: number) => Pair): Pair[] {
  const list: Pair[] = [];
  let length = 0;
  for (let index = 0; ; index++) {
    const next = pair(index);
    length +=
      next[0].length + next[1].length + (next[0].length > 127 ? 4 : 1) + (next[1].length > 127 ? 4 : 1);
    if (length > total) return list;
    list.push(next);
  }
}
const scatter = (index: number): string =>
  ((index * 7919) % 46_656).toString(36).toUpperCase().padStart(4, "A");

const shapes: readonly (readonly [name: string, pairs: (total: number) => readonly Pair[]])[] = [
  ["short names behind Caddy", (total) => [CADDY, ...fill(total, (i) => [`HTTP_${scatter(i)}`, ""])]],
  [
    "names of one length with one end behind Caddy",
    (total) => [CADDY, ...fill(total, (i) => [`HTTP_X${scatter(i)}_THE_SAME_END`, ""])],
  ],
  [
    "names that differ at their end only, behind Caddy",
    (total) => [CADDY, ...fill(total, (i) => [`HTTP_${"X".repeat(200)}${scatter(i)}`, ""])],
  ],
  [
    "names in falling order behind Caddy",
    (total) => [CADDY, ...fill(total, (i) => [`HTTP_${(99_999 - i).toString(10)}`, ""])],
  ],
  [
    "names of one hash",
    (total) => fill(total, (i) => [`HTTP_X_${scatter(i)}_MIDDLE_MIDDLE_${"9".repeat(12)}`, ""]),
  ],
  ["one name again and again", (total) => fill(total, () => ["HTTP_X_AGAIN", "v"])],
  ["one known name again and again", (total) => fill(total, () => ["HTTP_ACCEPT", "v"])],
  ["one name again and again behind Caddy", (total) => [CADDY, ...fill(total, () => ["HTTP_X_AGAIN", ""])]],
  ["cookies", (total) => fill(total, (i) => ["HTTP_COOKIE", `a${i}=1`])],
  ["Set-Cookie", (total) => fill(total, () => ["HTTP_SET_COOKIE", ""])],
  ["fields of which the first counts", (total) => fill(total, () => ["HTTP_FROM", ""])],
  ["X-Forwarded-*", (total) => fill(total, (i) => [`HTTP_X_FORWARDED_${scatter(i)}`, ""])],
  ["a name of the whole length", (total) => [[`HTTP_${"A_".repeat(total / 2 - 16)}`, ""]]],
  ["a name of dashes", (total) => [[`HTTP_${"_".repeat(total - 32)}`, ""]]],
  ["long names", (total) => fill(total, (i) => [`HTTP_${scatter(i)}${"_A".repeat(150)}`, ""])],
  [
    "long names that are dropped",
    (total) => fill(total, (i) => [`HTTP_X_FORWARDED_${scatter(i)}${"_A".repeat(150)}`, ""]),
  ],
  ["a long name without a meaning", (total) => [["A_".repeat(total / 2 - 16), ""]]],
  ["a value of the whole length", (total) => [["HTTP_X", "v".repeat(total - 32)]]],
  ["a value of blanks", (total) => [["HTTP_X", `a${" ".repeat(total - 32)}`]]],
  ["a value of tabs", (total) => [["HTTP_X", `a${"\t".repeat(total - 32)}b`]]],
  ["values of blanks", (total) => fill(total, () => ["HTTP_X_BLANK", " ".repeat(120)])],
  ["a target of the whole length", (total) => [["REQUEST_URI", `/${"%".repeat(total - 32)}`]]],
  ["an absolute target", (total) => [["REQUEST_URI", `http://${"a@".repeat(total / 2 - 32)}`]]],
  ["an absolute target that is none", (total) => [["REQUEST_URI", `http://${"a".repeat(total - 64)}#`]]],
  ["a scheme without end", (total) => [["REQUEST_URI", "a".repeat(total - 32)]]],
  [
    "a path of bytes to be encoded",
    (total) => [
      ["REQUEST_URI", ""],
      ["PATH_INFO", "\xff".repeat(total - 64)],
    ],
  ],
  [
    "a path of letters",
    (total) => [
      ["REQUEST_URI", ""],
      ["SCRIPT_NAME", "/a".repeat(total / 2 - 64)],
    ],
  ],
  ["a path of UTF-8", (total) => [["PATH_INFO", "\xc3\xa9".repeat(total / 2 - 32)]]],
  ["a path that is almost UTF-8", (total) => [["PATH_INFO", `${"\xc3\xa9".repeat(total / 2 - 64)}\xff`]]],
  ["many values of UTF-8", (total) => fill(total, (i) => [`V${scatter(i)}`, "\xc3\xa9"])],
  ["variables without a meaning", (total) => fill(total, (i) => [scatter(i), ""])],
  ["pairs of nothing", (total) => fill(total, () => ["", ""])],
  ["a method of the whole length", (total) => [["REQUEST_METHOD", "\xff".repeat(total - 32)]]],
];

/** What a server and an application do with the fields of a request; returns milliseconds. */
function readAll(params: Buffer, limits: (typeof LIMITS)[number]): number {
  const start = performance.now();
  const head = readRequestHead(params, limits);
  if (head.problem === undefined) {
    decodeParams(params, head);
    const req = new IncomingMessage(new Socket());
    req.headers = head.headers;
    req.rawHeaders = head.rawHeaders;
    // Forces the joined strings together.
    for (const value of Object.values(head.headers)) Buffer.from(String(value), "latin1");
    const fields = new Headers();
    for (let at = 0; at < head.rawHeaders.length; at += 2) {
      fields.append(head.rawHeaders[at]!, head.rawHeaders[at + 1]!);
    }
  }
  return performance.now() - start;
}

for (const limits of LIMITS) {
  describe(`at most ${limits.maxPairs} pairs and ${limits.maxHeaderSize} bytes of fields`, () => {
    for (const [name, shape] of shapes) {
      test(`${name}: under 50 ms`, () => {
        const lengths = [limits.maxHeaderSize - 256, PARAMS_LENGTH - 64];
        for (const length of lengths) {
          const params = pairs([...USUAL, ...shape(length)]);
          assert.ok(params.length <= PARAMS_LENGTH + 256, `${params.length} bytes`);
          // The least of some: what else runs on the machine only adds.
          let spent = Number.POSITIVE_INFINITY;
          for (let tries = 0; tries < 10 && spent >= 50; tries++) {
            spent = Math.min(spent, readAll(params, limits));
          }
          assert.ok(spent < 50, `${spent.toFixed(1)} ms for ${params.length} bytes`);
        }
      });
    }
  });
}
