import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StdoutQueue } from "../../src/fastcgi/stdout-queue.ts";
import { outputSlab } from "../../src/fastcgi/stdout-records.ts";
import { END_REQUEST, pairs, Reader, type Received, STDERR, STDOUT } from "../support/wire.ts";

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
const CGI_HEAD = "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n";

function createQueue({ keepConn = true, software = "" } = {}): StdoutQueue {
  const queue = new StdoutQueue(1, 1, keepConn, 0);
  const params = pairs([["SERVER_SOFTWARE", software]]);
  queue.appendParams(params, 0, params.length);
  return queue;
}

/** Encodes all that is queued, as the scheduler does with what fits. */
function encode(queue: StdoutQueue): Received[] {
  const length = queue.encodeToSlab();
  assert.notEqual(length, -1, "the queue fits into a slab");
  return new Reader().push(Buffer.from(outputSlab().subarray(0, length)));
}

function summary(records: readonly Received[]): [type: number, length: number, padding: number][] {
  return records.map(({ type, content, padding }) => [type, content.length, padding.length]);
}

function stdout(records: readonly Received[]): Buffer {
  return Buffer.concat(records.filter(({ type }) => type === STDOUT).map(({ content }) => content));
}

describe("a queue of STDOUT", () => {
  test("encodes nothing while it is empty", () => {
    const queue = createQueue();
    assert.deepEqual(encode(queue), []);
    assert.equal(queue.hasStdout, false);
  });

  test("counts what is queued, and is empty once it is encoded", () => {
    const queue = createQueue();
    queue.write("abc", "latin1");
    queue.write(Buffer.from("de"), "latin1");
    assert.equal(queue.queuedLength, 5);
    assert.deepEqual(stdout(encode(queue)).toString(), "abcde");
    assert.equal(queue.queuedLength, 0);
    assert.equal(queue.hasStdout, true);
    assert.deepEqual(encode(queue), []);
  });

  test("keeps the order of text and chunks", () => {
    const queue = createQueue();
    for (const piece of ["a", Buffer.from("b"), "c", Buffer.from("d"), "e"]) queue.write(piece, "latin1");
    assert.equal(stdout(encode(queue)).toString(), "abcde");
  });

  test("ignores output after the end of the response", () => {
    const queue = createQueue();
    queue.write("a", "latin1");
    queue.complete();
    queue.write("b", "latin1");
    queue.writeHTTP(HEAD, "latin1");
    assert.equal(stdout(encode(queue)).toString(), "a");
  });

  for (const [encoding, text, expected] of [
    ["latin1", "\u00e4", "e4"],
    ["binary", "\u00e4", "e4"],
    ["utf8", "\u00e4\u20ac\ud83d\ude00", "c3a4e282acf09f9880"],
    ["utf-8", "\u20ac", "e282ac"],
    ["utf16le", "a", "6100"],
    ["hex", "00ff", "00ff"],
    ["base64", "AP8=", "00ff"],
  ] as const) {
    test(`encodes text as ${encoding}, first and after a chunk`, () => {
      const queue = createQueue();
      queue.write(text, encoding);
      assert.equal(stdout(encode(queue)).toString("hex"), expected);
      queue.write(Buffer.from([1]), "latin1");
      queue.write(text, encoding);
      assert.equal(stdout(encode(queue)).toString("hex"), `01${expected}`);
    });
  }

  test("sends the first line of HTTP as a Status field, in a slab and as records", () => {
    for (const encoding of ["latin1", "utf8", "utf16le"] as const) {
      const queue = createQueue();
      queue.writeHTTP(HEAD, encoding);
      queue.complete();
      assert.equal(stdout(encode(queue)).toString(encoding), CGI_HEAD);
    }
    const queue = createQueue();
    queue.writeHTTP(HEAD, "latin1");
    queue.write(Buffer.alloc(300_000), "latin1");
    assert.equal(queue.encodeToSlab(), -1);
    const records = new Reader().push(Buffer.concat(queue.takeRecords(1000)));
    assert.equal(stdout(records).toString("latin1", 0, CGI_HEAD.length), CGI_HEAD);
  });
});

describe("records of STDOUT", () => {
  test("hold up to 65,535 bytes each", () => {
    for (const length of [65534, 65535, 65536, 131_070, 131_071, 200_000]) {
      const text = "0123456789".repeat(20_000).slice(0, length);
      const queue = createQueue();
      queue.write(text, "latin1");
      const records = encode(queue);
      const full = Math.ceil(length / 65535) - 1;
      const lengths = records.map(({ content }) => content.length);
      assert.deepEqual(lengths, [...Array(full).fill(65535), length - full * 65535]);
      assert.equal(stdout(records).toString("latin1"), text);
    }
  });

  test("are padded with zeroes only where the end follows", () => {
    const queue = createQueue();
    queue.write("x".repeat(100), "latin1");
    queue.complete();
    encode(queue); // leaves other bytes in the slab

    const next = createQueue();
    next.write("abc", "latin1");
    assert.deepEqual(summary(encode(next)), [[STDOUT, 3, 0]]);
    next.write("abc", "latin1");
    next.complete();
    const [record] = encode(next);
    assert.deepEqual(record?.padding, Buffer.alloc(5));
  });

  test("of the head are separate while the response is open, for nginx", () => {
    const queue = createQueue();
    queue.writeHTTP(`${HEAD}abc`, "latin1");
    const records = encode(queue);
    assert.deepEqual(
      records.map(({ content }) => content.toString()),
      [CGI_HEAD, "abc"],
    );
    queue.write("\r\n\r\nmore", "latin1");
    assert.equal(encode(queue).length, 1, "only the first output has a head");
  });

  test("of the head hold the body if the response is complete, or if there is no body yet", () => {
    const complete = createQueue();
    complete.writeHTTP(`${HEAD}abc`, "latin1");
    complete.complete();
    assert.equal(encode(complete)[0]?.content.toString(), `${CGI_HEAD}abc`);
    const headOnly = createQueue();
    headOnly.writeHTTP(HEAD, "latin1");
    assert.deepEqual(
      encode(headOnly).map(({ content }) => content.toString()),
      [CGI_HEAD],
    );
  });
});

describe("the end of a request", () => {
  test("follows the last output in the same slab", () => {
    const queue = createQueue();
    queue.appStatus = 0x01020304;
    queue.write("12345678", "latin1");
    queue.complete();
    const records = encode(queue);
    assert.deepEqual(summary(records), [
      [STDOUT, 8, 0],
      [STDOUT, 0, 0],
      [END_REQUEST, 8, 0],
    ]);
    assert.equal(records[2]?.content.toString("hex"), "0102030400000000");
  });

  test("ends STDERR if it was used", () => {
    const queue = createQueue();
    queue.hasStderr = true;
    queue.complete();
    const types = encode(queue).map(({ type }) => type);
    assert.deepEqual(types, [STDOUT, STDERR, END_REQUEST]);
  });

  test("waits for the end of STDIN where the web server needs it", () => {
    const queue = createQueue();
    queue.endsAfterStdin = true;
    queue.write("a", "latin1");
    queue.complete();
    assert.equal(queue.mayEnd, false);
    assert.deepEqual(summary(encode(queue)), [[STDOUT, 1, 0]]);
    queue.endStdin();
    assert.equal(queue.mayEnd, true);
    assert.deepEqual(
      encode(queue).map(({ type }) => type),
      [STDOUT, END_REQUEST],
    );
  });
});

describe("output that does not fit into a slab", () => {
  test("stays queued, and is taken as records that share its memory, up to a budget", () => {
    const queue = createQueue();
    const chunks = [Buffer.alloc(200_000, "a"), Buffer.alloc(200_000, "b")];
    for (const chunk of chunks) queue.write(chunk, "latin1");
    queue.complete();
    assert.equal(queue.encodeToSlab(), -1);
    assert.equal(queue.queuedLength, 400_000);

    const first = queue.takeRecords(250_000);
    assert.equal(queue.queuedLength, 150_000);
    assert.ok(first.some(({ buffer }) => buffer === chunks[0]!.buffer));
    const rest = queue.takeRecords(1_000_000);
    assert.equal(queue.queuedLength, 0);

    const records = new Reader().push(Buffer.concat([...first, ...rest]));
    assert.ok(stdout(records).equals(Buffer.concat(chunks)));
    assert.deepEqual(
      records.map(({ type, content }) => [type, content.length]),
      [
        [STDOUT, 65535],
        [STDOUT, 65535],
        [STDOUT, 65535],
        [STDOUT, 250_000 - 3 * 65535],
        [STDOUT, 65535],
        [STDOUT, 65535],
        [STDOUT, 150_000 - 2 * 65535],
        [STDOUT, 0],
        [END_REQUEST, 8],
      ],
    );
  });

  test("puts several chunks into one record", () => {
    const queue = createQueue();
    for (const letter of "abc") queue.write(Buffer.alloc(15_000, letter), "latin1");
    assert.equal(queue.encodeToSlab(), -1, "over what is copied");
    const records = new Reader().push(Buffer.concat(queue.takeRecords(100_000)));
    assert.deepEqual(summary(records), [[STDOUT, 45_000, 0]]);
  });

  test("counts bytes, not characters, once text is encoded", () => {
    const queue = createQueue();
    queue.write("\u20ac".repeat(10), "utf8");
    assert.equal(queue.queuedLength, 10);
    queue.takeRecords(4);
    assert.equal(queue.queuedLength, 26);
  });

  test("gives its last chunk back if enough remains", () => {
    const queue = createQueue();
    queue.write(Buffer.from("abc"), "latin1");
    queue.write(Buffer.from("de"), "latin1");
    assert.equal(queue.popChunk(4), undefined);
    assert.equal(queue.popChunk(3)?.toString(), "de");
    assert.equal(queue.queuedLength, 3);
    assert.equal(stdout(encode(queue)).toString(), "abc");
  });
});

describe("a response that nginx would buffer", () => {
  const UNBUFFERED = "X-Accel-Buffering: no\r\n";
  const nginx = { keepConn: false, software: "nginx/1.22.1" };
  const head = "Status: 200 OK\r\nContent-Type: text/plain\r\n";

  function firstOutput(options: { keepConn?: boolean; software?: string }, text: string): string {
    const queue = createQueue(options);
    queue.write(text, "latin1");
    return stdout(encode(queue)).toString("latin1");
  }

  test("gets X-Accel-Buffering: no at its end of the head", () => {
    assert.equal(firstOutput(nginx, `${head}\r\nabc`), `${head}${UNBUFFERED}\r\nabc`);
  });

  test("is left alone on a kept connection, behind another web server, and with a length or the field", () => {
    const text = `${head}\r\nabc`;
    assert.equal(firstOutput({ ...nginx, keepConn: true }, text), text);
    assert.equal(firstOutput({ ...nginx, software: "lighttpd/1.4" }, text), text);
    for (const field of ["Content-Length: 3", "x-accel-buffering: yes"]) {
      const withField = `${head}${field}\r\n\r\nabc`;
      assert.equal(firstOutput(nginx, withField), withField);
    }
    assert.equal(firstOutput(nginx, "no head"), "no head");
  });

  test("is left alone if it is complete, and after its first output", () => {
    const queue = createQueue(nginx);
    queue.write(`${head}\r\nabc`, "latin1");
    queue.complete();
    assert.equal(stdout(encode(queue)).toString(), `${head}\r\nabc`);
    const open = createQueue(nginx);
    open.write(`${head}\r\n`, "latin1");
    encode(open);
    open.write(`${head}\r\n`, "latin1");
    assert.equal(stdout(encode(open)).toString(), `${head}\r\n`);
  });
});
