/**
 * Finds out what the name of a meta-variable means, without creating a string for it.
 *
 * There are two tables. Known names are added to the first one when the module is loaded, in chains, and stay. Other
 * names are added to the second one when they arrive. It has two places per hash, and a new name replaces the older of
 * the two, so clients that invent names evict each other's, and memory is bounded by the size of the table.
 */
import { isForwarded } from "./forwarded.ts";
import { DROPPED, FIRST_WINS, KNOWN_FIELDS, KNOWN_VARIABLES, ONCE } from "./known-names.ts";

/** Kinds of meta-variables. */
export const Variable = {
  IGNORED: 0,
  HEADER: 1,
  REQUEST_METHOD: 2,
  REQUEST_URI: 3,
  SERVER_PROTOCOL: 4,
  REMOTE_ADDR: 5,
  REMOTE_PORT: 6,
  SERVER_ADDR: 7,
  SERVER_PORT: 8,
  HTTPS: 9,
  REQUEST_SCHEME: 10,
  CONTENT_LENGTH: 11,
  SCRIPT_NAME: 12,
  PATH_INFO: 13,
  QUERY_STRING: 14,
  UNENCODED_URL: 15,
  SERVER_SOFTWARE: 16,
  TRANSFER_ENCODING: 17,
  /** A header field that is ignored if it is empty. */
  FILLED_HEADER: 18,
  /** A header field that the option `forwarded` applies to. */
  FORWARDED: 19,
  /** A header field whose name is not a token. */
  INVALID: 20,
  /** A name that is too long for the table: {@link readLongName} reads it. */
  LONG: 21,
} as const;

/** How node:http treats a repeated field. ONCE is FIRST_WINS even with `joinDuplicateHeaders`. */
export const Repeat = { JOIN: 0, FIRST_WINS: 1, COOKIE: 2, LIST: 3, ONCE: 4 } as const;

/** A header field. Names that differ only in case, or in dashes and underscores, share one key. */
export interface Field {
  /** The name as usually written: `Accept-Encoding`. */
  readonly raw: string;
  /** The name in lower case. */
  readonly key: string;
  readonly repeat: number;
  /** The first six letters as a number, which is enough to sort most names. */
  readonly rank: number;
  /** Whether this is the only object for the field. Other fields can have several objects, even in one request. */
  readonly isKnown: boolean;
  /** Serial number of the last request with this field, if it is known; detects repeated fields without a look-up. */
  seen: number;
}

/** The name of a meta-variable, and what it means. Cached across requests. */
export interface VariableName {
  readonly variable: number;
  readonly field: Field;
  readonly length: number;
  /** Index of its bytes in `words`, four bytes to a number; the last one to three bytes are left out. */
  readonly offset: number;
  /** Its last four bytes, which can overlap with those in `words`. */
  readonly lastWord: number;
  /** The next name with the same hash. */
  readonly next: VariableName | undefined;
}

const NO_FIELD: Field = { raw: "", key: "", repeat: Repeat.JOIN, rank: 0, isKnown: false, seen: 0 };
const NO_NAME: VariableName = {
  variable: Variable.IGNORED,
  field: NO_FIELD,
  length: 0,
  offset: 0,
  lastWord: 0,
  next: undefined,
};
const LONG_NAME: VariableName = { ...NO_NAME, variable: Variable.LONG };
/** Syntax of a field name (RFC 9110, 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

const TABLE_LENGTH = 2048;
/** Reduces a hash to an index of the table. */
const HASH_SHIFT = Math.clz32(TABLE_LENGTH - 1);
const LEARNT_PLACES = 512;
/** Longer names are not cached. */
const MAX_LEARNT_LENGTH = 256;
const LEARNT_WORDS = MAX_LEARNT_LENGTH / 4;
const known: (VariableName | undefined)[] = new Array(TABLE_LENGTH).fill(undefined);
const learnt: (VariableName | undefined)[] = new Array(LEARNT_PLACES).fill(undefined);
/** Which of two places was replaced last. */
const newest: Uint8Array = new Uint8Array(LEARNT_PLACES);
const knownFields = new Map<string, Field>();
/** Variables come last, because the last name is the first of its chain, and every request has them. */
const knownNames: readonly string[] = [
  ...KNOWN_FIELDS.toReversed().map((key) => `HTTP_${key.toUpperCase().replaceAll("-", "_")}`),
  ...KNOWN_VARIABLES.toReversed(),
];
/**
 * The bytes of all names. Each place of the second table has a fixed part of it, 128 KiB in total; the strings and
 * objects of a name there take up to 1 KiB. One array instead of one per name reduces the memory that a look-up touches
 * to a third: 0.3 µs per request with a cold processor cache, measured.
 */
const words: Int32Array = new Int32Array(
  LEARNT_PLACES * LEARNT_WORDS + knownNames.reduce((sum, { length }) => sum + (length >> 2), 0),
);

let nextOffset = LEARNT_PLACES * LEARNT_WORDS;
for (const text of knownNames) {
  const bytes = Buffer.from(text, "latin1");
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const hash = hashOf(view.getInt32(length - 4), view.getInt32((length >> 1) - 2), length);
  known[hash] = describe(view, 0, length, nextOffset, true, known[hash]);
  nextOffset += length >> 2;
}

function hashOf(lastWord: number, middleWord: number, length: number): number {
  return (Math.imul(lastWord ^ length, 0x9e3779b1) ^ Math.imul(middleWord, 0x85ebca6b)) >>> HASH_SHIFT;
}

/**
 * Finds the name in `bytes` from `start` to `end`. Compares four bytes at a time, because it runs for every pair of
 * every request.
 */
export function findName(bytes: DataView, start: number, end: number): VariableName {
  const length = end - start;
  if (length < 4) return NO_NAME; // HTTPS is the shortest name with a meaning
  const lastWord = bytes.getInt32(end - 4);
  const hash = hashOf(lastWord, bytes.getInt32(start + (length >> 1) - 2), length);
  for (let name = known[hash]; name !== undefined; name = name.next) {
    if (name.lastWord === lastWord && isRest(name, bytes, start, length)) return name;
  }
  return learn(bytes, start, length, hash);
}

/** Like {@link findName}, but finds known names only. */
export function findKnownName(bytes: DataView, start: number, end: number): VariableName {
  const length = end - start;
  if (length < 4) return NO_NAME;
  const lastWord = bytes.getInt32(end - 4);
  const hash = hashOf(lastWord, bytes.getInt32(start + (length >> 1) - 2), length);
  for (let name = known[hash]; name !== undefined; name = name.next) {
    if (name.lastWord === lastWord && isRest(name, bytes, start, length)) return name;
  }
  return NO_NAME;
}

/** Finds out what a name of {@link Variable.LONG} means, in time linear in its length. */
export function readLongName(bytes: DataView, start: number, end: number): VariableName {
  return describe(bytes, start, end - start, -1, false, undefined);
}

/** Finds a name in the second table, or adds it. */
function learn(bytes: DataView, start: number, length: number, hash: number): VariableName {
  if (length > MAX_LEARNT_LENGTH) return LONG_NAME;
  const lastWord = bytes.getInt32(start + length - 4);
  const first = hash & (LEARNT_PLACES - 2);
  for (let place = first; place < first + 2; place++) {
    const name = learnt[place];
    if (name !== undefined && name.lastWord === lastWord && isRest(name, bytes, start, length)) return name;
  }
  const place = first + (newest[first]! ^ 1);
  newest[first]! ^= 1;
  const name = describe(bytes, start, length, place * LEARNT_WORDS, false, undefined);
  learnt[place] = name;
  return name;
}

function isRest(name: VariableName, bytes: DataView, start: number, length: number): boolean {
  if (name.length !== length) return false;
  const { offset } = name;
  for (let index = 0; index < length >> 2; index++) {
    if (bytes.getInt32(start + index * 4) !== words[offset + index]) return false;
  }
  return true;
}

/** @param offset index in `words` for the bytes of the name; negative if it is not cached */
function describe(
  bytes: DataView,
  start: number,
  length: number,
  offset: number,
  isKnown: boolean,
  next: VariableName | undefined,
): VariableName {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString("latin1");
  if (offset >= 0)
    for (let index = 0; index < length >> 2; index++)
      words[offset + index] = bytes.getInt32(start + index * 4);
  const lastWord = bytes.getInt32(start + length - 4);
  const name = (variable: number, field: Field): VariableName => {
    return { variable, field, length, offset, lastWord, next };
  };
  if (text === "HTTP_TRANSFER_ENCODING") return name(Variable.TRANSFER_ENCODING, NO_FIELD);
  // Some web servers send empty values for missing fields.
  if (text === "HTTP_HOST") return name(Variable.FILLED_HEADER, fieldOf("host", isKnown));
  if (text === "CONTENT_TYPE") return name(Variable.FILLED_HEADER, fieldOf("content-type", isKnown));
  if (text === "CONTENT_LENGTH") return name(Variable.CONTENT_LENGTH, fieldOf("content-length", isKnown));
  if (text.startsWith("HTTP_") && text.length > 5) {
    if (!TOKEN.test(text)) return name(Variable.INVALID, NO_FIELD);
    const key = text.slice(5).replaceAll("_", "-").toLowerCase();
    if (DROPPED.has(key)) return name(Variable.IGNORED, NO_FIELD);
    return name(isForwarded(key) ? Variable.FORWARDED : Variable.HEADER, fieldOf(key, isKnown));
  }
  const variable = Object.hasOwn(Variable, text) ? Variable[text as keyof typeof Variable] : Variable.IGNORED;
  const isReal = variable > Variable.HEADER && variable < Variable.TRANSFER_ENCODING;
  return name(isReal ? variable : Variable.IGNORED, NO_FIELD);
}

function fieldOf(key: string, isKnown: boolean): Field {
  const found = knownFields.get(key);
  if (found !== undefined) return found;
  const field = { raw: capitalise(key), key, repeat: repeatOf(key), rank: rankOf(key), isKnown, seen: 0 };
  if (isKnown) knownFields.set(key, field);
  return field;
}

/** Returns how a repeated field is treated. `key` is its name in lower case. */
export function repeatOf(key: string): number {
  if (key === "cookie") return Repeat.COOKIE;
  if (key === "set-cookie") return Repeat.LIST;
  if (ONCE.has(key)) return Repeat.ONCE;
  return FIRST_WINS.has(key) ? Repeat.FIRST_WINS : Repeat.JOIN;
}

function rankOf(key: string): number {
  let rank = 0;
  for (let index = 0; index < 6; index++)
    rank = rank * 256 + (index < key.length ? key.charCodeAt(index) : 0);
  return rank;
}

function capitalise(key: string): string {
  const bytes = Buffer.from(key, "latin1");
  let isFirst = true;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]!;
    if (isFirst && byte >= 0x61 && byte <= 0x7a) bytes[index] = byte - 0x20;
    isFirst = byte === 0x2d;
  }
  return bytes.toString("latin1");
}
