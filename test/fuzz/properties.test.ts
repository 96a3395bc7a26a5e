import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CGIHeadParser } from "../../src/cgi/cgi-head.ts";
import { readRequestHead } from "../../src/cgi/read-request-head.ts";
import { translateResponseHead } from "../../src/cgi/response-head.ts";
import { ApplicationConnection } from "../../src/connection/application.ts";
import {
  decodeNameValuePairs,
  encodeNameValuePairs,
  encodeRecord,
  FastCGIError,
  ProtocolError,
  RecordParser,
} from "../../src/protocol/index.ts";
import { limits, Recorder } from "../connection/recorder.ts";
import { makeInput } from "./input.ts";

const buffer = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
const cuts = fc.array(fc.nat(70_000), { maxLength: 8 });

/** Cuts bytes at places, which may lie anywhere. */
function split(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  let start = 0;
  return [...sorted, bytes.length].map((end) => {
    const piece = bytes.subarray(start, end);
    start = end;
    return piece;
  });
}

/** The result of a run, or the code of its ProtocolError. Other errors are rethrown. */
function outcome(run: () => void): string {
  try {
    run();
    return "";
  } catch (error) {
    assert.ok(error instanceof FastCGIError, String(error));
    return error.code;
  }
}

describe("properties of the wire", () => {
  const record = fc.record({ type: fc.nat(255), requestId: fc.nat(65_535), content: buffer(300) });

  test("records are decoded as they were encoded, at any split", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 5 }), cuts, (records, places) => {
        const bytes = Buffer.concat(records.map((one) => encodeRecord(one.type, one.requestId, one.content)));
        const parser = new RecordParser();
        const found = split(bytes, places).flatMap((piece) => parser.push(piece));
        assert.deepEqual(
          found,
          records.map((one) => ({ ...one })),
        );
      }),
    );
  });

  test("random bytes give records or a ProtocolError, the same at any split", () => {
    const bytes = fc.oneof(
      buffer(200),
      buffer(200).map((tail) => Buffer.concat([Buffer.of(1), tail])),
    );
    fc.assert(
      fc.property(bytes, cuts, (content, places) => {
        const run = (pieces: readonly Buffer[]) => {
          const parser = new RecordParser();
          const found: unknown[] = [];
          const code = outcome(() => {
            // One call gives its records or throws: byte by byte, none is lost to the throw.
            for (const piece of pieces) for (const byte of piece) found.push(...parser.push(Buffer.of(byte)));
          });
          return { found, code };
        };
        assert.deepEqual(run(split(content, places)), run([content]));
      }),
      { numRuns: 500 },
    );
  });

  test("pairs are decoded as they were encoded", () => {
    const text = fc.string({ unit: "binary-ascii", maxLength: 200 });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 10 }), (pairs) => {
        assert.deepEqual(decodeNameValuePairs(encodeNameValuePairs(pairs)), pairs);
      }),
    );
  });

  test("random bytes give pairs or a ProtocolError", () => {
    fc.assert(
      fc.property(buffer(100), (bytes) => {
        const code = outcome(() => decodeNameValuePairs(bytes));
        assert.ok(code === "" || code === "ERR_FCGI_PROTOCOL");
      }),
      { numRuns: 2000 },
    );
  });
});

describe("properties of the application's connection", () => {
  /** The calls and the error that bytes lead to. */
  function play(pieces: readonly Buffer[], endsAtOnce: boolean): { calls: string[]; code: string } {
    const recorder = new Recorder();
    recorder.endsAtOnce = endsAtOnce;
    const connection = new ApplicationConnection(recorder, limits);
    recorder.connection = connection;
    const code = outcome(() => {
      for (const piece of pieces) connection.push(piece);
    });
    assert.ok(connection.requests.openSize >= 0 && connection.requests.openSize <= connection.requests.size);
    return { calls: recorder.calls, code };
  }

  test("mutated sessions lead to the same calls at any split", () => {
    fc.assert(
      fc.property(fc.nat(), cuts, fc.boolean(), (index, places, endsAtOnce) => {
        const { bytes } = makeInput(2, index);
        assert.deepEqual(play(split(bytes, places), endsAtOnce), play([bytes], endsAtOnce));
      }),
      { numRuns: 1500 },
    );
  });

  test("random params give a request head or a ProtocolError", () => {
    fc.assert(
      fc.property(buffer(300), (bytes) => {
        const code = outcome(() => readRequestHead(bytes, { maxPairs: 10 }));
        assert.ok(code === "" || code === "ERR_FCGI_PROTOCOL");
      }),
      { numRuns: 2000 },
    );
  });
});

describe("properties of CGI heads", () => {
  const line = fc.constantFrom(
    "Status: 200 OK",
    "Status: abc",
    "Content-Type: text/plain",
    "Location: /x",
    "X:",
    " folded",
    "no colon",
    "Set-Cookie: a=1",
    "\u0000",
  );
  const headText = fc
    .tuple(fc.array(line, { maxLength: 5 }), fc.constantFrom("\r\n", "\n"), fc.string({ maxLength: 20 }))
    .map(([lines, end, body]) => [...lines, "", body].join(end));

  test("a CGI head is parsed alike at any split, or refused with ERR_FCGI_RESPONSE", () => {
    fc.assert(
      fc.property(headText, cuts, (text, places) => {
        const run = (pieces: readonly Buffer[]) => {
          const parser = new CGIHeadParser();
          let found: unknown;
          const code = outcome(() => {
            for (const piece of pieces) found ??= parser.push(piece);
          });
          assert.ok(code === "" || code === "ERR_FCGI_RESPONSE");
          return { isFound: found !== undefined, code };
        };
        const bytes = Buffer.from(text, "latin1");
        assert.deepEqual(run(split(bytes, places)), run([bytes]));
      }),
      { numRuns: 1000 },
    );
  });

  test("translateResponseHead never lets a hop-by-hop field through, whatever its case", () => {
    const name = fc.constantFrom(
      "Connection",
      "Keep-Alive",
      "Transfer-Encoding",
      "TE",
      "Trailer",
      "Upgrade",
      "X",
      "Status",
    );
    const cased = fc
      .tuple(name, fc.boolean())
      .map(([text, upper]) => (upper ? text.toUpperCase() : text.toLowerCase()));
    fc.assert(
      fc.property(fc.array(cased, { maxLength: 8 }), (names) => {
        const value = (one: string) => (/^transfer/i.test(one) ? "identity" : "1");
        const lines = names.map((one) => `${one}: ${value(one)}\r\n`);
        const text = `HTTP/1.1 200 OK\r\n${lines.join("")}\r\n`;
        const head = translateResponseHead(text);
        const out = head?.text ?? `Status: ${text.slice(9)}`;
        assert.match(out, /^Status: 200 OK\r\n(x: 1\r\n)*\r\n$/i);
      }),
    );
  });

  test("translateResponseHead takes any text for a head or for none", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        translateResponseHead(`HTTP/1.1 ${text}\r\n\r\n`);
        translateResponseHead(text);
      }),
      { numRuns: 2000 },
    );
  });
});

test("a ProtocolError is what a broken record throws", () => {
  assert.throws(() => new RecordParser().push(Buffer.of(9)), ProtocolError);
});
