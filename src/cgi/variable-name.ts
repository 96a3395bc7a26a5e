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
  CONTENT_TYPE: 12,
  SCRIPT_NAME: 13,
  PATH_INFO: 14,
  QUERY_STRING: 15,
  UNENCODED_URL: 16,
  SERVER_SOFTWARE: 17,
  TRANSFER_ENCODING: 18,
  HTTP_HOST: 19,
} as const;

/** How a repeated field is treated, as node:http does it. */
export const Repeat = { JOIN: 0, FIRST_WINS: 1, COOKIE: 2, LIST: 3 } as const;

/** A header field; names that differ in case or dashes only are one field. */
export interface Field {
  /** Name as a browser would write it: `Accept-Encoding`. */
  readonly raw: string;
  /** Name in lower case. */
  readonly key: string;
  readonly repeat: number;
  /** Its first six letters as a number: orders most names without a look at their text. */
  readonly rank: number;
  /** Serial number of the last request that had this field: tells repeated fields without a look-up. */
  seen: number;
}

/** A meta-variable's name: what it means is found out once, not per request. */
export interface VariableName {
  readonly variable: number;
  readonly field: Field;
  readonly length: number;
  /** Its bytes, four to a number, as far as they fill one. */
  readonly words: readonly number[];
  /** Its last four bytes, which may overlap with the last of `words`. */
  readonly lastWord: number;
  /** Another name of the same hash. */
  readonly next: VariableName | undefined;
}

const FIRST_WINS: ReadonlySet<string> = new Set(
  (
    "age authorization content-length content-type etag expires from host if-modified-since " +
    "if-unmodified-since last-modified location max-forwards proxy-authorization referer retry-after " +
    "server user-agent"
  ).split(" "),
);
/** `Proxy` would be HTTP_PROXY (httpoxy); lengths and types have variables of their own. */
const DROPPED: ReadonlySet<string> = new Set(["proxy", "content-length", "content-type", "__proto__"]);
const NO_FIELD: Field = { raw: "", key: "", repeat: Repeat.JOIN, rank: 0, seen: 0 };

// Names are remembered in a table of short chains, up to a number, so that nobody fills the memory with
// invented names, nor makes a chain long.
const TABLE_LENGTH = 2048;
/** Leaves as many bits of a hash as an index into the table has. */
const HASH_SHIFT = Math.clz32(TABLE_LENGTH - 1);
const MAX_NAMES = 2000;
const MAX_CHAIN_LENGTH = 6;
const table: (VariableName | undefined)[] = new Array(TABLE_LENGTH).fill(undefined);
const fields = new Map<string, Field>();
const NO_NAME: VariableName = {
  variable: Variable.IGNORED,
  field: NO_FIELD,
  length: 0,
  words: [],
  lastWord: 0,
  next: undefined,
};
let count = 0;

/**
 * Finds the name that lies in `bytes` from `start` to `end`, without making a string of it.
 *
 * Bytes are compared four at a time, as this is done for every pair of every request.
 */
export function findName(bytes: DataView, start: number, end: number): VariableName {
  const length = end - start;
  if (length < 4) return NO_NAME; // HTTPS and HTTP_X are the shortest that mean anything
  const lastWord = bytes.getInt32(end - 4);
  const middleWord = bytes.getInt32(start + (length >> 1) - 2);
  const hash = (Math.imul(lastWord ^ length, 0x9e3779b1) ^ Math.imul(middleWord, 0x85ebca6b)) >>> HASH_SHIFT;
  let name = table[hash];
  let chainLength = 0;
  while (name !== undefined) {
    if (name.length === length && name.lastWord === lastWord && hasWords(bytes, start, name.words))
      return name;
    name = name.next;
    chainLength++;
  }
  const learnt = describe(bytes, start, length, table[hash]);
  if (count < MAX_NAMES && chainLength < MAX_CHAIN_LENGTH && length <= 256) {
    table[hash] = learnt;
    count++;
  }
  return learnt;
}

function hasWords(bytes: DataView, start: number, words: readonly number[]): boolean {
  for (let index = 0; index < words.length; index++) {
    if (bytes.getInt32(start + index * 4) !== words[index]) return false;
  }
  return true;
}

function describe(
  bytes: DataView,
  start: number,
  length: number,
  next: VariableName | undefined,
): VariableName {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString("latin1");
  const words: number[] = [];
  for (let offset = 0; offset + 4 <= length; offset += 4) words.push(bytes.getInt32(start + offset));
  const lastWord = bytes.getInt32(start + length - 4);
  const name = (variable: number, field: Field): VariableName => {
    return { variable, field, length, words, lastWord, next };
  };
  if (text === "HTTP_TRANSFER_ENCODING") return name(Variable.TRANSFER_ENCODING, NO_FIELD);
  if (text === "HTTP_HOST") return name(Variable.HTTP_HOST, fieldOf("host"));
  if (text === "CONTENT_TYPE" || text === "CONTENT_LENGTH") {
    return name(Variable[text], fieldOf(text.toLowerCase().replace("_", "-")));
  }
  if (text.startsWith("HTTP_") && text.length > 5) {
    const key = text.slice(5).replaceAll("_", "-").toLowerCase();
    return DROPPED.has(key) ? name(Variable.IGNORED, NO_FIELD) : name(Variable.HEADER, fieldOf(key));
  }
  const variable = Object.hasOwn(Variable, text) ? Variable[text as keyof typeof Variable] : Variable.IGNORED;
  const isReal = variable > Variable.HEADER && variable < Variable.TRANSFER_ENCODING;
  return name(isReal ? variable : Variable.IGNORED, NO_FIELD);
}

function fieldOf(key: string): Field {
  const known = fields.get(key);
  if (known !== undefined) return known;
  const field: Field = { raw: capitalise(key), key, repeat: repeatOf(key), rank: rankOf(key), seen: 0 };
  if (fields.size < MAX_NAMES) fields.set(key, field);
  return field;
}

function repeatOf(key: string): number {
  if (key === "cookie") return Repeat.COOKIE;
  if (key === "set-cookie") return Repeat.LIST;
  return FIRST_WINS.has(key) ? Repeat.FIRST_WINS : Repeat.JOIN;
}

function rankOf(key: string): number {
  let rank = 0;
  for (let index = 0; index < 6; index++)
    rank = rank * 256 + (index < key.length ? key.charCodeAt(index) : 0);
  return rank;
}

function capitalise(key: string): string {
  return key.replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase());
}
