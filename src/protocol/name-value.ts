import { ProtocolError } from "./errors.ts";

/** Reads one name-value pair; see {@link readPairs}. */
export type PairReader = (bytes: Uint8Array, nameStart: number, valueStart: number, end: number) => void;

/**
 * Walks the pairs of a whole name-value stream; nothing is copied.
 *
 * @param read called for each pair: the name is `nameStart` to `valueStart` of `bytes`, the value `valueStart`
 *   to `end`
 * @param maxPairs where the walk ends: what is behind so many pairs is not looked at
 * @returns the number of pairs, or `maxPairs` + 1 if there are more
 * @throws ProtocolError if a length, a name or a value ends beyond `bytes`
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
    // Past the end a byte is undefined and a length NaN: the comparison below is then false, as wanted.
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
 * Decodes a whole name-value stream, one pair after the other, duplicates included.
 *
 * Names and values are Latin-1: one character per byte.
 *
 * @throws ProtocolError if a length, a name or a value ends beyond `content`
 * @see FastCGI 1.0, section 3.4
 */
export function decodeNameValuePairs(content: Buffer): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  readPairs(content, (_bytes, nameStart, valueStart, end) => {
    pairs.push([
      content.toString("latin1", nameStart, valueStart),
      content.toString("latin1", valueStart, end),
    ]);
  });
  return pairs;
}

/**
 * Encodes pairs as a name-value stream: lengths up to 127 in one byte, longer ones in four.
 *
 * Strings are encoded as UTF-8; pass a Buffer as a value for other bytes.
 *
 * @see FastCGI 1.0, section 3.4
 */
export function encodeNameValuePairs(
  pairs: Iterable<readonly [name: string, value: string | Uint8Array]>,
): Buffer {
  const buffers: Uint8Array[] = [];
  for (const [name, value] of pairs) {
    const nameBytes = Buffer.from(name);
    const valueBytes = typeof value === "string" ? Buffer.from(value) : value;
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
