import assert from "node:assert/strict";
import { test } from "node:test";
import { FIRST_WINS, KNOWN_FIELDS, KNOWN_VARIABLES, ONCE } from "../../src/cgi/known-names.ts";
import { findName, Repeat, readLongName, Variable, type VariableName } from "../../src/cgi/variable-name.ts";
import { readFixtures } from "../fixtures/replay.ts";
import { heapUsed } from "../support/memory.ts";

const within =
  (look: typeof findName) =>
  (name: string): VariableName => {
    const bytes = Buffer.from(`xx${name}yy`, "latin1");
    return look(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 2, bytes.length - 2);
  };
const find = within(findName);
const readLong = within(readLongName);

test("a name is found by its bytes, wherever they lie, and learnt once", () => {
  const first = find("HTTP_X_LEARNT_ONCE");
  assert.equal(first.field.key, "x-learnt-once");
  assert.equal(first.field.raw, "X-Learnt-Once");
  assert.equal(find("HTTP_X_LEARNT_ONCE"), first);
});

test("names that differ in one byte are told apart, whatever their length", () => {
  for (let length = 1; length <= 40; length++) {
    const name = `HTTP_${"A".repeat(length)}`;
    find(name);
    for (let at = 5; at < name.length; at++) {
      const other = `${name.slice(0, at)}B${name.slice(at + 1)}`;
      assert.equal(find(other).field.key, other.slice(5).toLowerCase());
      assert.equal(find(name).field.key, "a".repeat(length));
    }
  }
  assert.equal(find("HTTPS").variable, Variable.HTTPS);
  assert.equal(find("HTTPT").variable, Variable.IGNORED);
  assert.equal(find("XTTPS").variable, Variable.IGNORED);
});

test("variables other than header fields are known by name, others are ignored", () => {
  assert.equal(find("REQUEST_METHOD").variable, Variable.REQUEST_METHOD);
  assert.equal(find("CONTENT_LENGTH").variable, Variable.CONTENT_LENGTH);
  for (const name of ["", "HTTP_", "IGNORED", "HEADER", "toString", "__proto__", "request_method", "PATH"]) {
    assert.equal(find(name).variable, Variable.IGNORED, name);
  }
  for (const name of ["HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"]) {
    assert.equal(find(name).variable, Variable.IGNORED, name);
  }
  for (const name of ["HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_", "HTTP_FORWARDED", "HTTP_X-Real-Ip"]) {
    assert.equal(find(name).variable, Variable.FORWARDED, name);
  }
  for (const name of ["HTTP_X FORWARDED", "HTTP_X:", "HTTP_X\0", "HTTP_\u00e9"]) {
    assert.equal(find(name).variable, Variable.INVALID, name);
  }
});

test("repeated fields are treated as node:http does", () => {
  assert.equal(find("HTTP_COOKIE").field.repeat, Repeat.COOKIE);
  assert.equal(find("HTTP_SET_COOKIE").field.repeat, Repeat.LIST);
  assert.equal(find("HTTP_USER_AGENT").field.repeat, Repeat.FIRST_WINS);
  assert.equal(find("HTTP_ACCEPT").field.repeat, Repeat.JOIN);
  assert.equal(find("HTTP_HOST").field.repeat, Repeat.ONCE);
});

test("the names of six web servers' requests are known from the start, and nothing crowds them out", () => {
  const names = readFixtures()
    .flatMap(({ requests }) => requests.flatMap(({ params }) => params.map(([name]) => name)))
    // Those that the recordings' client has made up, or a module of Apache's under test.
    .filter((name) => name.length > 4 && !/^HTTP_X[^A-Z0-9]?(?!_?(?:FORWARDED|REAL))|_$|EXTRA/.test(name));
  const usual = [...new Set(names)].map((name) => [name, find(name)] as const);
  assert.ok(usual.length > 60, `${usual.length} names`);
  flood();
  for (const [name, found] of usual) assert.equal(find(name), found, name);
  for (const key of [...FIRST_WINS, ...ONCE, "cookie", "set-cookie"])
    assert.ok(KNOWN_FIELDS.includes(key), key);
});

test("known names are found after three comparisons at most", () => {
  const names = [
    ...KNOWN_VARIABLES,
    ...KNOWN_FIELDS.map((key) => `HTTP_${key.toUpperCase().replaceAll("-", "_")}`),
  ];
  assert.equal(new Set(names).size, names.length);
  for (const name of names) {
    let length = 0;
    for (let next: VariableName | undefined = find(name); next !== undefined; next = next.next) length++;
    assert.ok(length <= 3, `${name} has ${length - 1} names behind it`);
  }
});

test("a learnt name makes way for newer ones of the same hash, and is learnt again", () => {
  // Length, middle and end are what the hash is made from.
  const collide = (index: number): string =>
    `HTTP_X_${String(index).padStart(5, "0")}_MIDDLE_MIDDLE_${"9".repeat(12)}`;
  const first = find(collide(1));
  assert.equal(find(collide(1)), first);
  for (let index = 2; index < 2000; index++) assert.match(find(collide(index)).field.key, /^x-\d{5}-middle/);
  const again = find(collide(1));
  assert.notEqual(again, first);
  assert.equal(again.field.key, first.field.key);
  assert.equal(find(collide(1)), again);
});

test("names over 256 bytes are never remembered, and names of any size take 1 MiB at most", () => {
  const long = `HTTP_${"A".repeat(252)}`;
  assert.equal(find(long).variable, Variable.LONG);
  assert.equal(readLong(long).field.key, "a".repeat(252));
  assert.notEqual(readLong(long), readLong(long));
  const longest = long.slice(0, 256);
  assert.equal(find(longest), find(longest));
  flood();
  const before = heapUsed();
  flood();
  const grown = heapUsed() - before;
  assert.ok(grown < 1_048_576, `the heap has grown by ${grown} bytes`);
});

/** Names of every size up to 300, and of many beyond. */
function flood(): void {
  for (let round = 0; round < 20; round++) {
    for (let length = 5; length < 300; length++) find(invented(length));
  }
  for (let length = 300; length < 70_000; length += 97) find(invented(length));
}

let serial = 0;
function invented(length: number): string {
  return `HTTP_${(serial++).toString(36).toUpperCase()}${"Z".repeat(length)}`.slice(0, length + 5);
}
