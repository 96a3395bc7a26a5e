import assert from "node:assert/strict";
import { once } from "node:events";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { detach, PieceBuffer } from "../../src/http/piece-buffer.ts";

/** A stream that counts what it is given. */
class Target extends Readable {
  pieces = 0;
  full = 0;
  readonly buffer: PieceBuffer = new PieceBuffer(this, () => this.full++, assert.ifError);
  override _read(): void {}
  override push(chunk: Buffer | null): boolean {
    this.pieces++;
    return super.push(chunk);
  }
}

/** Everything that the stream holds: Node.js 26 reads piece by piece. */
function readAll(target: Target): Buffer {
  const pieces: Buffer[] = [];
  for (let piece = target.read(); piece !== null; piece = target.read()) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

describe("PieceBuffer", () => {
  test("puts small unread pieces together, and loses none", () => {
    const target = new Target({ highWaterMark: 65_536 });
    for (let index = 0; index < 100_000; index++) target.buffer.push(Buffer.of(index % 251));
    assert.ok(target.pieces < 250, `${target.pieces} pieces`);
    target.buffer.end();
    assert.equal(target.readableLength, 100_000);
    const all = readAll(target);
    assert.equal(all.length, 100_000);
    assert.ok(all.every((byte, index) => byte === index % 251));
  });

  test("says that the stream is full when its high-water mark is reached", () => {
    const target = new Target({ highWaterMark: 10_000 });
    for (let index = 0; index < 9999; index++) target.buffer.push(Buffer.of(1));
    assert.equal(target.full, 0);
    target.buffer.push(Buffer.of(1));
    assert.equal(target.full, 1);
  });

  test("hands large pieces over as they are, in order with small ones", () => {
    const target = new Target({ highWaterMark: 1_000_000 });
    let expected = "";
    for (let index = 0; index < 100; index++) {
      const length = index % 10 === 0 ? 5000 : 3;
      expected += String(index % 10).repeat(length);
      target.buffer.push(Buffer.from(String(index % 10).repeat(length)));
    }
    target.buffer.end();
    assert.ok(String(readAll(target)) === expected);
  });

  test("hands over what it holds to a reader that waits for more, although nothing more comes", async (t) => {
    const alive = setInterval(() => {}, 1000); // the timer of a PieceBuffer keeps no process alive
    t.after(() => clearInterval(alive));
    const target = new Target();
    for (let index = 0; index < 1000; index++) target.buffer.push(Buffer.of(1));
    let length = readAll(target).length;
    assert.ok(length < 1000);
    while (length < 1000) {
      await once(target, "readable");
      length += readAll(target).length;
    }
    assert.equal(length, 1000);
  });

  test("hands every piece over at once where each is read before the next", () => {
    const target = new Target();
    const read: number[] = [];
    for (let index = 0; index < 500; index++) {
      target.buffer.push(Buffer.of(index % 251));
      read.push((target.read() as Buffer).length);
    }
    assert.deepEqual(new Set(read), new Set([1]));
  });

  test("drops what it holds when the stream is destroyed", () => {
    const target = new Target();
    for (let index = 0; index < 1000; index++) target.buffer.push(Buffer.of(1));
    target.destroy();
    const { pieces } = target;
    target.buffer.end();
    assert.equal(target.pieces, pieces);
  });
});

test("detach() copies a piece that is a small part of what was read, and no other", () => {
  const chunk = Buffer.alloc(65_536);
  const small = chunk.subarray(0, 16_000);
  assert.notEqual(detach(small).buffer, chunk.buffer);
  assert.deepEqual(detach(small), small);
  const large = chunk.subarray(0, 40_000);
  assert.equal(detach(large), large);
  const short = Buffer.alloc(1000).subarray(0, 10);
  assert.equal(detach(short), short);
});
