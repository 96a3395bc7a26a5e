import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ResponseOutput } from "../../src/http/response-output.ts";
import { MemoryTransport } from "./memory-transport.ts";

const HEAD = "HTTP/1.1 200 OK\r\n";

/** Writes pieces as node:http does, and returns the CGI response and its state. */
function translate(
  pieces: readonly (string | Uint8Array)[],
  method = "GET",
): { text: string; output: ResponseOutput } {
  const transport = new MemoryTransport();
  const output = new ResponseOutput(transport, method);
  for (const piece of pieces) output.write(piece, "latin1");
  transport.flush(true);
  return { text: transport.output, output };
}

describe("ResponseOutput", () => {
  test("writes the status line as a Status field", () => {
    const { text, output } = translate([`${HEAD}A: b\r\n\r\n`, "body"]);
    assert.equal(text, "Status: 200 OK\r\nA: b\r\n\r\nbody");
    assert.ok(output.isHeadWritten);
  });

  test("encodes head and body of one string in its encoding", () => {
    const transport = new MemoryTransport();
    const output = new ResponseOutput(transport, "GET");
    output.write(`${HEAD}Content-Length: 4\r\n\r\nöß`, "utf8");
    transport.flush(true);
    assert.equal(transport.output, "Status: 200 OK\r\nContent-Length: 4\r\n\r\nÃ¶Ã\u009f");
    assert.ok(!output.isShort);
  });

  test("drops fields of the HTTP connection and interim responses", () => {
    const { text } = translate([
      "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n",
      `${HEAD}Connection: close\r\n\r\n`,
    ]);
    assert.equal(text, "Status: 200 OK\r\n\r\n");
  });

  test("has no head after an interim response", () => {
    const { output } = translate(["HTTP/1.1 100 Continue\r\n\r\n"]);
    assert.ok(!output.isHeadWritten);
  });

  for (const [name, pieces] of [
    ["in a piece of its own", [`${HEAD}Content-Length: 3\r\n\r\n`, "ab", "cdef", "ghi"]],
    ["in that of the head", [`${HEAD}Content-Length: 3\r\n\r\nabcdef`, "ghi"]],
    ["as bytes", [`${HEAD}Content-Length: 3\r\n\r\n`, Buffer.from("abcdef")]],
  ] as const) {
    test(`cuts a body at Content-Length, ${name}`, () => {
      const { text, output } = translate(pieces);
      assert.equal(text, "Status: 200 OK\r\nContent-Length: 3\r\n\r\nabc");
      assert.ok(!output.isShort);
    });
  }

  test("is short until the body has reached Content-Length", () => {
    assert.ok(translate([`${HEAD}Content-Length: 3\r\n\r\nab`]).output.isShort);
    assert.ok(!translate([`${HEAD}Content-Length: 3\r\n\r\nab`, "c"]).output.isShort);
    assert.ok(!translate([`${HEAD}\r\nab`]).output.isShort);
  });

  for (const [method, status] of [
    ["HEAD", "200 OK"],
    ["GET", "204 No Content"],
    ["GET", "304 Not Modified"],
  ] as const) {
    test(`does not expect a body in a response to ${method} with ${status}`, () => {
      const { output } = translate([`HTTP/1.1 ${status}\r\nContent-Length: 3\r\n\r\n`], method);
      assert.ok(!output.isShort);
    });
  }

  test("removes the chunked coding, at every split", () => {
    const whole = `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`;
    const headLength = whole.indexOf("\r\n\r\n") + 4;
    for (let split = headLength; split < whole.length; split++) {
      const { text, output } = translate([whole.slice(0, split), whole.slice(split)]);
      assert.equal(text, "Status: 200 OK\r\n\r\nabcde");
      assert.ok(output.isChunked);
      assert.ok(!output.isShort);
    }
    assert.ok(translate([whole.slice(0, -5)]).output.isShort);
  });

  test("passes a large body on once, cut at Content-Length", () => {
    const body = "x".repeat(100_000);
    const { text } = translate([`${HEAD}Content-Length: 99999\r\n\r\n${body}`]);
    assert.equal(text, `Status: 200 OK\r\nContent-Length: 99999\r\n\r\n${body.slice(1)}`);
  });

  test("throws on what is not an HTTP response head", () => {
    assert.throws(() => translate(["Status: 200 OK\r\n\r\n"]), /no HTTP response head/);
    assert.throws(() => translate([HEAD]), /no HTTP response head/);
  });

  test("throws on an invalid Content-Length and on a coding that it cannot remove", () => {
    for (const field of [
      "Content-Length: 1x",
      "Content-Length: 1\r\nContent-Length: 2",
      "Transfer-Encoding: chunked, gzip",
    ]) {
      assert.throws(() => translate([`${HEAD}${field}\r\n\r\n`]), { code: "ERR_HTTP_INVALID_HEADER_VALUE" });
    }
  });
});
