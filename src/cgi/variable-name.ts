import { isForwarded } from "./forwarded.ts";
import { DROPPED, FIRST_WINS, KNOWN_FIELDS, KNOWN_VARIABLES, ONCE } from "./known-names.ts";

/** The variables that a request's head is made from, other than header fields. */
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
  /** A header field that is none if it is empty. */
  FILLED_HEADER: 18,
  /** A header field that `forwarded` decides on. */
  FORWARDED: 19,
  /** A header field whose name is no token. */
  INVALID: 20,
  /** A name that is too long to be remembered: {@link readLongName} tells what it is. */
  LONG: 21,
} as const;

/** How a repeated field is treated: as node:http does it; ONCE is FIRST_WINS also with `joinDuplicateHeaders`. */
export const Repeat = { JOIN: 0, FIRST_WINS: 1, COOKIE: 2, LIST: 3, ONCE: 4 } as const;

/** A header field; names that differ in case or dashes only have one key. */
export interface Field {
  /** Name as a browser would write it: `Accept-Encoding`. */
  readonly raw: string;
  /** Name in lower case. */
  readonly key: string;
  readonly repeat: number;
  /** Its first six letters as a number: orders most names without a look at their text. */
  readonly rank: number;
  /** Is one object for all requests; of other fields there may be several, within one request too. */
  readonly isKnown: boolean;
  /** Serial number of the last request that had this field, if it is known: tells repeated fields without a look-up. */
  seen: number;
}

/** A meta-variable's name: what it means is found out once, not per request. */
export interface VariableName {
  readonly variable: number;
  readonly field: Field;
  readonly length: number;
  /** Where its bytes stand in `words`, four to a number, as far as they fill one. */
  readonly offset: number;
  /** Its last four bytes, which may overlap with those in `words`. */
  readonly lastWord: number;
  /** Another name of the same hash. */
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
/** What a field name may hold (RFC 9110, 5.6.2), as node:http's parser has it. */
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

// Two tables. The usual names are put into the first one when the module is loaded, in chains, and stay. What
// else comes is learnt in the second one, where a hash has two places and a new name takes the place of the
// older: clients who invent names push out one another's, and their memory is bounded by the table's.
const TABLE_LENGTH = 2048;
/** Leaves as many bits of a hash as an index into the table has. */
const HASH_SHIFT = Math.clz32(TABLE_LENGTH - 1);
const LEARNT_PLACES = 512;
/** Longer names are read anew each time. */
const MAX_LEARNT_LENGTH = 256;
const LEARNT_WORDS = MAX_LEARNT_LENGTH / 4;
const known: (VariableName | undefined)[] = new Array(TABLE_LENGTH).fill(undefined);
const learnt: (VariableName | undefined)[] = new Array(LEARNT_PLACES).fill(undefined);
/** Which place of two was taken last. */
const newest: Uint8Array = new Uint8Array(LEARNT_PLACES);
const knownFields = new Map<string, Field>();
/** What comes last is found first in its chain, and lies closest to the others: the variables are in every request. */
const knownNames: readonly string[] = [
  ...KNOWN_FIELDS.toReversed().map((key) => `HTTP_${key.toUpperCase().replaceAll("-", "_")}`),
  ...KNOWN_VARIABLES.toReversed(),
];
/**
 * The bytes of all names: each place in the second table has its own part of it, 128 KiB in all; the strings and
 * objects of the names there take 1 KiB each at most. In one array they are a third of the memory that a look-up
 * touches otherwise: 0.3 µs of a request when the processor's cache is cold, measured.
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
 * Finds the name that lies in `bytes` from `start` to `end`, without making a string of it.
 *
 * Bytes are compared four at a time, as this is done for every pair of every request.
 */
export function findName(bytes: DataView, start: number, end: number): VariableName {
  const length = end - start;
  if (length < 4) return NO_NAME; // HTTPS and HTTP_X are the shortest that mean anything
  const lastWord = bytes.getInt32(end - 4);
  const hash = hashOf(lastWord, bytes.getInt32(start + (length >> 1) - 2), length);
  for (let name = known[hash]; name !== undefined; name = name.next) {
    if (name.lastWord === lastWord && isRest(name, bytes, start, length)) return name;
  }
  return learn(bytes, start, length, hash);
}

/** As {@link findName}, but finds the names only that are known from the start. */
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

/** Finds out what a name of {@link Variable.LONG} means, in a time that grows with its length. */
export function readLongName(bytes: DataView, start: number, end: number): VariableName {
  return describe(bytes, start, end - start, -1, false, undefined);
}

/** Finds a name in the second table, or puts it there. */
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

/** @param offset where its bytes may be kept in `words`; negative if they are not */
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
  // Empty from Caddy and nginx: Host of an HTTP/1.0 request without it, and the type of a request without body.
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

/** How a field is treated that comes twice, by its name in lower case. */
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
