import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ChunkedDecoder } from "../../src/cgi/chunked-decoder.ts";

/** Decodes pieces one after another; gives the content, and whether its end has come. */
function decode(pieces: readonly Buffer[]): { content: string; isDone: boolean } {
  const decoder = new ChunkedDecoder();
  const content: Uint8Array[] = [];
  for (const piece of pieces) decoder.decode(piece, (part) => content.push(part));
  return { content: Buffer.concat(content).toString("latin1"), isDone: decoder.isDone };
}

const BODIES = [
  { name: "chunks", framed: "5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n", content: "firstsecond" },
  { name: "nothing", framed: "0\r\n\r\n", content: "" },
  {
    name: "content that looks like framing",
    framed: "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n",
    content: "\r\n0\r\n\r\n",
  },
  { name: "sizes in both cases, with zeros", framed: "00A\r\n0123456789\r\nb\r\nabcdefghijk\r\n000\r\n\r\n" },
  {
    name: "extensions",
    framed: '5;a=b\r\nfirst\r\n6 ;c;d="e"\r\nsecond\r\n0;f\r\n\r\n',
    content: "firstsecond",
  },
  { name: "trailers", framed: "4\r\nbody\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n", content: "body" },
].map(({ content = "0123456789abcdefghijk", ...rest }) => ({ content, ...rest }));

describe("the chunked coding is taken off", () => {
  for (const { name, framed, content } of BODIES) {
    test(`at every split: ${name}`, () => {
      const bytes = Buffer.from(framed, "latin1");
      for (let first = 0; first <= bytes.length; first++) {
        for (let second = first; second <= bytes.length; second++) {
          const pieces = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
          assert.deepEqual(decode(pieces), { content, isDone: true }, `split at ${first} and ${second}`);
        }
      }
      assert.deepEqual(decode([...bytes].map((byte) => Buffer.of(byte))), { content, isDone: true });
    });
  }

  test("and what follows the end is dropped", () => {
    assert.deepEqual(decode([Buffer.from("1\r\na\r\n0\r\n\r\n5\r\nagain")]), { content: "a", isDone: true });
  });

  test("and content passes without a copy", () => {
    const content = Buffer.from("content");
    const decoder = new ChunkedDecoder();
    decoder.decode(Buffer.from("7\r\n"), () => assert.fail("no content yet"));
    let part: Uint8Array | undefined;
    decoder.decode(content, (bytes) => {
      part = bytes;
    });
    assert.equal(part, content);
  });

  test("and the end has come with the last line's LF, not before", () => {
    const framed = "1\r\na\r\n0\r\nX: y\r\n\r\n";
    for (let end = 0; end < framed.length; end++) {
      assert.equal(decode([Buffer.from(framed.slice(0, end))]).isDone, false, `after ${end} bytes`);
    }
  });
});

describe("what is not chunked is an error:", () => {
  for (const [name, framed] of [
    ["content without a size", "plain text"],
    ["an empty size", "\r\n"],
    ["a sign", "-1\r\n"],
    ["0x", "0x5\r\nfirst"],
    ["a size followed by something else", "5=\r\nfirst"],
    ["a bare LF behind the size", "5\nfirst"],
    ["a bare LF behind an extension", "5;a\nfirst"],
    ["a bare CR behind the size", "5\rfirst"],
    ["a chunk longer than its size", "5\r\nfirst!\r\n"],
    ["a chunk that ends with a bare CR", "5\r\nfirst\r0"],
    ["an empty line that ends with a bare CR", "0\r\n\r0"],
    ["a size beyond all numbers", "fffffffffffffff\r\n"],
  ] as const) {
    test(name, () => {
      assert.throws(() => decode([Buffer.from(framed)]), /the body is not chunked, as its Transfer-Encoding/);
      assert.throws(() => decode([...Buffer.from(framed)].map((byte) => Buffer.of(byte))));
    });
  }
});
