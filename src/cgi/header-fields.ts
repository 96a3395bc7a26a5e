/**
 * The header fields of the request that is being read. State is kept in the module instead of an object per request:
 * requests are read one at a time, synchronously.
 */
import { type Field, Repeat } from "./variable-name.ts";

/** Header fields of a request, as in `http.IncomingMessage`. */
export interface Headers {
  readonly headers: Record<string, string | string[]>;
  readonly rawHeaders: string[];
}

/** Maximum length of `fields` between requests. */
const KEPT_FIELDS = 128;
/** More fields than this are sorted with `Array.sort()`, fewer by insertion. */
const MANY_FIELDS = 48;

let serial = 0;
let joinsAll = false;
/** `fields[i]` describes `rawHeaders[2 * i]`. */
const fields: Field[] = [];
let fieldCount = 0;

/** Starts a new request. */
export function beginHeaders(joinsDuplicates: boolean): void {
  serial++;
  joinsAll = joinsDuplicates;
  fieldCount = 0;
}

/** Releases the memory of a request with many fields. */
export function endHeaders(): void {
  if (fieldCount > KEPT_FIELDS) fields.length = KEPT_FIELDS;
}

/** Appends a field. */
export function addHeader({ rawHeaders }: Headers, field: Field, value: string): void {
  rawHeaders.push(field.raw, value);
  fields[fieldCount++] = field;
}

/**
 * Sorts the fields by name. If they arrived in another order for each request, `headers` would have another shape each
 * time, which costs V8 several microseconds.
 */
export function sortHeaders({ rawHeaders }: Headers): void {
  if (fieldCount > MANY_FIELDS) {
    sortManyHeaders(rawHeaders);
    return;
  }
  for (let index = 1; index < fieldCount; index++) {
    const field = fields[index]!;
    const value = rawHeaders[index * 2 + 1]!;
    let place = index;
    for (; place > 0 && isBefore(field, fields[place - 1]!); place--) {
      fields[place] = fields[place - 1]!;
      rawHeaders[place * 2] = rawHeaders[place * 2 - 2]!;
      rawHeaders[place * 2 + 1] = rawHeaders[place * 2 - 1]!;
    }
    fields[place] = field;
    rawHeaders[place * 2] = field.raw;
    rawHeaders[place * 2 + 1] = value;
  }
}

/** Insertion is quadratic: it takes a second for 23,000 fields. */
function sortManyHeaders(rawHeaders: string[]): void {
  const entries = fields
    .slice(0, fieldCount)
    .map((field, index) => ({ field, value: rawHeaders[index * 2 + 1]! }));
  entries.sort((a, b) => (isBefore(a.field, b.field) ? -1 : isBefore(b.field, a.field) ? 1 : 0));
  for (const [index, { field, value }] of entries.entries()) {
    fields[index] = field;
    rawHeaders[index * 2] = field.raw;
    rawHeaders[index * 2 + 1] = value;
  }
}

function isBefore(field: Field, other: Field): boolean {
  return field.rank < other.rank || (field.rank === other.rank && field.key < other.key);
}

/** Builds `headers` from `rawHeaders` as node:http does. Removes values from both that a repeated field may not have. */
export function joinHeaders({ headers, rawHeaders }: Headers): void {
  const now = serial;
  let kept = 0;
  for (let index = 0, at = 1; at < rawHeaders.length; index++, at += 2) {
    const field = fields[index]!;
    const value = rawHeaders[at]!;
    if (field.isKnown ? field.seen !== now : !Object.hasOwn(headers, field.key)) {
      field.seen = now;
      headers[field.key] = field.repeat === Repeat.LIST ? [value] : value;
    } else if (!repeatHeader(headers, field, value)) {
      continue;
    }
    if (kept !== index) {
      rawHeaders[kept * 2] = field.raw;
      rawHeaders[kept * 2 + 1] = value;
    }
    kept++;
  }
  if (kept * 2 !== rawHeaders.length) rawHeaders.length = kept * 2;
}

/** Adds the value of a repeated field. Returns false if the first value is kept instead. */
function repeatHeader(headers: Headers["headers"], field: Field, value: string): boolean {
  const previous = headers[field.key];
  if (Array.isArray(previous)) previous.push(value);
  else if (field.repeat === Repeat.JOIN || (joinsAll && field.repeat === Repeat.FIRST_WINS))
    headers[field.key] = `${previous}, ${value}`;
  else if (field.repeat === Repeat.COOKIE) headers[field.key] = `${previous}; ${value}`;
  else return false;
  return true;
}
