/**
 * FastCGI 1.0 records, encoded and decoded without the library: a fault of the library's encoder cannot hide one of its
 * decoder. Nothing is checked, because tests send invalid records, too.
 */

export const BEGIN_REQUEST = 1;
export const ABORT_REQUEST = 2;
export const END_REQUEST = 3;
export const PARAMS = 4;
export const STDIN = 5;
export const STDOUT = 6;
export const STDERR = 7;
export const DATA = 8;
export const GET_VALUES = 9;
export const GET_VALUES_RESULT = 10;
export const UNKNOWN_TYPE = 11;

export const KEEP_CONN = 1;

/** What a record may have beside its type, its id and its content. */
export interface RecordOptions {
  readonly version?: number;
  readonly padding?: number;
  readonly paddingByte?: number;
  readonly reserved?: number;
}

/** One record. */
export function record(
  type: number,
  id: number,
  content: Uint8Array | string = "",
  options: RecordOptions = {},
): Buffer {
  const body = typeof content === "string" ? Buffer.from(content, "latin1") : content;
  const padding = options.padding ?? 0;
  const bytes = Buffer.alloc(8 + body.length + padding, options.paddingByte ?? 0);
  bytes[0] = options.version ?? 1;
  bytes[1] = type;
  bytes.writeUInt16BE(id, 2);
  bytes.writeUInt16BE(body.length, 4);
  bytes[6] = padding;
  bytes[7] = options.reserved ?? 0;
  bytes.set(body, 8);
  return bytes;
}

/** FCGI_BEGIN_REQUEST: role (Responder) and flags (none), then five reserved bytes. */
export function begin(id: number, flags = 0, role = 1, reserved = 0, options: RecordOptions = {}): Buffer {
  const body = Buffer.alloc(8, reserved);
  body.writeUInt16BE(role, 0);
  body[2] = flags;
  return record(BEGIN_REQUEST, id, body, options);
}

/** How the lengths of a pair are written: in the shortest form, or in four bytes although one would do. */
export interface PairOptions {
  readonly longName?: boolean;
  readonly longValue?: boolean;
}

/** One name-value pair. */
export function pair(name: string, value: string | Uint8Array, options: PairOptions = {}): Buffer {
  const nameBytes = Buffer.from(name, "latin1");
  const valueBytes = typeof value === "string" ? Buffer.from(value, "latin1") : value;
  return Buffer.concat([
    length(nameBytes.length, options.longName),
    length(valueBytes.length, options.longValue),
    nameBytes,
    valueBytes,
  ]);
}

/** The length of a name or a value, in one byte or in four. */
export function length(value: number, long = false): Buffer {
  if (value < 128 && !long) return Buffer.of(value);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  bytes[0]! |= 0x80;
  return bytes;
}

/** Pairs one after the other. */
export function pairs(list: Iterable<readonly [string, string | Uint8Array]>): Buffer {
  return Buffer.concat(Array.from(list, ([name, value]) => pair(name, value)));
}

/** `bytes` as records of a stream with at most `size` bytes of content each, without the empty one at the end. */
export function stream(type: number, id: number, bytes: Uint8Array, size = 65535): Buffer {
  const records: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += size) {
    records.push(record(type, id, bytes.subarray(start, start + size)));
  }
  return Buffer.concat(records);
}

/** FCGI_BEGIN_REQUEST and all of FCGI_PARAMS. */
export function requestHead(
  id: number,
  params: Iterable<readonly [string, string | Uint8Array]>,
  flags: number = KEEP_CONN,
  role = 1,
): Buffer {
  return Buffer.concat([begin(id, flags, role), stream(PARAMS, id, pairs(params)), record(PARAMS, id)]);
}

/** All of FCGI_STDIN. */
export function requestBody(id: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([stream(STDIN, id, bytes), record(STDIN, id)]);
}

/** A record that arrived. */
export interface Received {
  readonly version: number;
  readonly type: number;
  readonly id: number;
  readonly reserved: number;
  readonly content: Buffer;
  readonly padding: Buffer;
}

/** Cuts what arrives into records; what has another version than 1 is returned at once, without content. */
export class Reader {
  #chunks: Buffer[] = [];
  #length = 0;
  #needed = 8;

  push(chunk: Buffer): Received[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return [];
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    const records: Received[] = [];
    for (;;) {
      const version = bytes[0] ?? 1;
      if (version !== 1) {
        const nothing = Buffer.alloc(0);
        records.push({ version, type: -1, id: -1, reserved: 0, content: nothing, padding: nothing });
        break;
      }
      this.#needed = bytes.length < 8 ? 8 : 8 + bytes.readUInt16BE(4) + bytes[6]!;
      if (bytes.length < this.#needed) break;
      const end = 8 + bytes.readUInt16BE(4);
      records.push({
        version: bytes[0]!,
        type: bytes[1]!,
        id: bytes.readUInt16BE(2),
        reserved: bytes[7]!,
        content: bytes.subarray(8, end),
        padding: bytes.subarray(end, this.#needed),
      });
      bytes = bytes.subarray(this.#needed);
    }
    this.#chunks = bytes.length === 0 ? [] : [bytes];
    this.#length = bytes.length;
    return records;
  }
}

/** The pairs of a whole FCGI_GET_VALUES_RESULT; undefined if a length points beyond its end. */
export function readPairs(bytes: Buffer): [string, string][] | undefined {
  const found: [string, string][] = [];
  let at = 0;
  while (at < bytes.length) {
    const lengths: number[] = [];
    for (let n = 0; n < 2; n++) {
      if (at >= bytes.length) return undefined;
      if (bytes[at]! < 128) {
        lengths.push(bytes[at]!);
        at += 1;
      } else {
        if (at + 4 > bytes.length) return undefined;
        lengths.push(bytes.readUInt32BE(at) & 0x7fffffff);
        at += 4;
      }
    }
    const [nameLength, valueLength] = lengths as [number, number];
    if (at + nameLength + valueLength > bytes.length) return undefined;
    found.push([
      bytes.toString("latin1", at, at + nameLength),
      bytes.toString("latin1", at + nameLength, at + nameLength + valueLength),
    ]);
    at += nameLength + valueLength;
  }
  return found;
}
