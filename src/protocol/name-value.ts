import { ProtocolError } from "./errors.ts";

/**
 * Encoding of the names and values of a name-value stream. The specification names none. `latin1` keeps every byte, one
 * character each, as node:http does in header fields.
 */
export type NameValueEncoding = "utf8" | "latin1";

/**
 * Receives one name-value pair of {@link readPairs}.
 *
 * @param bytes the stream that was passed to `readPairs()`
 * @param nameStart offset of the name, which ends at `valueStart`
 * @param valueStart offset of the value
 * @param end offset behind the value
 */
export type PairReader = (bytes: Uint8Array, nameStart: number, valueStart: number, end: number) => void;

/**
 * Calls `read` for each pair of a complete name-value stream. Copies nothing: `read` gets offsets.
 *
 * @param maxPairs stops before the pair behind so many; the rest of the stream is not validated
 * @returns the number of pairs, or `maxPairs` + 1 if there are more
 * @throws ProtocolError if a length, a name or a value ends beyond `bytes`, and whatever `read` throws
 * @example
 * ```ts
 * const stream = encodeNameValuePairs([["REQUEST_METHOD", "GET"]]);
 * readPairs(stream, (bytes, nameStart, valueStart) => {
 *   console.log(Buffer.from(bytes.subarray(nameStart, valueStart)).toString()); // REQUEST_METHOD
 * });
 * ```
 * @see FastCGI 1.0, section 3.4
 */
export function readPairs(
  bytes: Uint8Array,
  read: PairReader,
  maxPairs: number = Number.MAX_SAFE_INTEGER,
): number {
  const total = bytes.length;
  let position = 0;
  let count = 0;
  while (position < total) {
    if (count === maxPairs) return count + 1;
    // Beyond the end a byte is undefined and a length NaN, which makes the comparison with `total` false.
    let nameLength = bytes[position++]!;
    if (nameLength > 127) {
      nameLength = longLength(bytes, position - 1);
      position += 3;
    }
    let valueLength = bytes[position++]!;
    if (valueLength > 127) {
      valueLength = longLength(bytes, position - 1);
      position += 3;
    }
    const valueStart = position + nameLength;
    const end = valueStart + valueLength;
    if (!(end <= total)) {
      throw new ProtocolError(`name-value pair ${count + 1} ends beyond its stream of ${total} bytes`);
    }
    read(bytes, position, valueStart, end);
    position = end;
    count++;
  }
  return count;
}

function longLength(bytes: Uint8Array, at: number): number {
  return (bytes[at]! & 0x7f) * 0x1000000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8)) + bytes[at + 3]!;
}

/**
 * Decodes a complete name-value stream: the content of FCGI_PARAMS, FCGI_GET_VALUES or FCGI_GET_VALUES_RESULT.
 * Repeated names are kept, in order. Reverses {@link encodeNameValuePairs} with the same `encoding`.
 *
 * @param encoding default `utf8`; `latin1` keeps bytes that are not UTF-8
 * @throws ProtocolError if a length, a name or a value ends beyond `content`
 * @example
 * ```ts
 * const pairs = decodeNameValuePairs(encodeNameValuePairs([["REQUEST_METHOD", "GET"]]));
 * console.log(pairs); // [["REQUEST_METHOD", "GET"]]
 * ```
 * @see FastCGI 1.0, section 3.4
 */
export function decodeNameValuePairs(
  content: Uint8Array,
  encoding: NameValueEncoding = "utf8",
): [name: string, value: string][] {
  const buffer = Buffer.isBuffer(content)
    ? content
    : Buffer.from(content.buffer, content.byteOffset, content.length);
  const pairs: [string, string][] = [];
  readPairs(buffer, (_bytes, nameStart, valueStart, end) => {
    pairs.push([
      buffer.toString(encoding, nameStart, valueStart),
      buffer.toString(encoding, valueStart, end),
    ]);
  });
  return pairs;
}

/**
 * Encodes pairs as a name-value stream. Lengths up to 127 take one byte, longer ones four.
 *
 * @param pairs for instance an array of pairs, a `Map`, or `Object.entries()`; a value that is a `Uint8Array` is
 *   copied as it is
 * @param encoding of names and of values that are strings, default `utf8`; `latin1` cuts characters above U+00FF, as
 *   `Buffer.from()` does
 * @example
 * ```ts
 * const content = encodeNameValuePairs(Object.entries({ REQUEST_METHOD: "GET", REQUEST_URI: "/" }));
 * const records = [...encodeStream(RecordType.PARAMS, 1, content), encodeStreamEnd(RecordType.PARAMS, 1)];
 * ```
 * @see FastCGI 1.0, section 3.4
 */
export function encodeNameValuePairs(
  pairs: Iterable<readonly [name: string, value: string | Uint8Array]>,
  encoding: NameValueEncoding = "utf8",
): Buffer {
  const buffers: Uint8Array[] = [];
  for (const [name, value] of pairs) {
    const nameBytes = Buffer.from(name, encoding);
    const valueBytes = typeof value === "string" ? Buffer.from(value, encoding) : value;
    buffers.push(encodeLengths(nameBytes.length, valueBytes.length), nameBytes, valueBytes);
  }
  return Buffer.concat(buffers);
}

function encodeLengths(nameLength: number, valueLength: number): Buffer {
  const bytes: number[] = [];
  for (const length of [nameLength, valueLength]) {
    if (length < 128) bytes.push(length);
    else bytes.push((length >>> 24) | 0x80, length >>> 16, length >>> 8, length);
  }
  return Buffer.from(bytes);
}
