import assert from "node:assert/strict";
import { test } from "node:test";
import { findName, Repeat, Variable } from "../../src/cgi/variable-name.ts";

const find = (name: string) => {
  const bytes = Buffer.from(`xx${name}yy`, "latin1");
  return findName(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 2, bytes.length - 2);
};

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
});

test("repeated fields are treated as node:http does", () => {
  assert.equal(find("HTTP_COOKIE").field.repeat, Repeat.COOKIE);
  assert.equal(find("HTTP_SET_COOKIE").field.repeat, Repeat.LIST);
  assert.equal(find("HTTP_USER_AGENT").field.repeat, Repeat.FIRST_WINS);
  assert.equal(find("HTTP_ACCEPT").field.repeat, Repeat.JOIN);
});

test("invented names are not remembered without end, and still read right", () => {
  for (let index = 0; index < 10_000; index++) {
    assert.equal(find(`HTTP_INVENTED_${index}`).field.key, `invented-${index}`);
  }
  assert.notEqual(find("HTTP_INVENTED_9999"), find("HTTP_INVENTED_9999"));
  const long = `HTTP_${"A".repeat(300)}`;
  assert.equal(find(long).field.key, "a".repeat(300));
});
