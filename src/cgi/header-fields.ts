import { type Field, Repeat } from "./variable-name.ts";

/** The header fields of a request, as `req` has them. */
export interface Headers {
  readonly headers: Record<string, string | string[]>;
  readonly rawHeaders: string[];
}

/** Entries of `fields` that are kept between requests. */
const KEPT_FIELDS = 128;
/** From so many on, fields are put into order by sorting, not by inserting. */
const MANY_FIELDS = 48;

// One request is read at a time.
let serial = 0;
let joinsAll = false;
/** The fields of `rawHeaders`, one for two of its entries. */
const fields: Field[] = [];
let fieldCount = 0;

/** Begins with the fields of another request. */
export function beginHeaders(joinsDuplicates: boolean): void {
  serial++;
  joinsAll = joinsDuplicates;
  fieldCount = 0;
}

/** Lets go of what a request with many fields has left. */
export function endHeaders(): void {
  if (fieldCount > KEPT_FIELDS) fields.length = KEPT_FIELDS;
}

/** Adds a field behind those that are there. */
export function addHeader({ rawHeaders }: Headers, field: Field, value: string): void {
  rawHeaders.push(field.raw, value);
  fields[fieldCount++] = field;
}

/**
 * Puts header fields into the order of their names.
 *
 * Caddy keeps them in a map of Go's, and sends them in another order each time: `headers` would be an object of
 * another shape each time, which costs V8 several microseconds.
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

/** The insertion above takes a second for 23,000 fields: the square of their number. */
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

/** Makes `headers` from `rawHeaders`, as node:http does, and takes the values out of both that do not count. */
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

/** Returns false if the first value stands and this one does not count. */
function repeatHeader(headers: Headers["headers"], field: Field, value: string): boolean {
  const previous = headers[field.key];
  if (Array.isArray(previous)) previous.push(value);
  else if (field.repeat === Repeat.JOIN || (joinsAll && field.repeat === Repeat.FIRST_WINS))
    headers[field.key] = `${previous}, ${value}`;
  else if (field.repeat === Repeat.COOKIE) headers[field.key] = `${previous}; ${value}`;
  else return false;
  return true;
}
