/** Syntax of the parts of a request, as the parser of node:http accepts them. */

// Four bytes of 1, 32, 33, 126, 127 and 128 each.
const ONES = 0x01010101;
const BLANKS = 0x20202020;
const PRINTABLE = 0x21212121;
const TILDES = 0x7e7e7e7e;
const LOW_BITS = 0x7f7f7f7f;
const TOP_BITS = 0x80808080 | 0;
const SLASH = 0x2f;
const ASTERISK = 0x2a;

/**
 * Returns whether a field value contains a control character other than tab.
 *
 * Checks four bytes at a time, because it runs for every value of every request. Below 32 the subtraction borrows into
 * the top bit, at 127 the addition carries into it; `& ~word` ignores bytes from 128 on.
 *
 * @param start of the value; at least four bytes must precede it
 */
export function hasControlByte(bytes: DataView, start: number, end: number): boolean {
  let found = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes.getInt32(at, true);
    found |= ((word - BLANKS) | ((word & LOW_BITS) + ONES)) & ~word;
  }
  if (at < end) {
    const word = lastBytes(bytes, end, end - at);
    found |= ((word - BLANKS) | ((word & LOW_BITS) + ONES)) & ~word;
  }
  // Tabs are allowed, but rare.
  return (found & TOP_BITS) !== 0 && hasOtherThanTab(bytes, start, end);
}

/** Returns the last one to three bytes before `end`, padded with tildes. */
function lastBytes(bytes: DataView, end: number, count: number): number {
  return (bytes.getInt32(end - 4, true) >>> (32 - 8 * count)) | (TILDES << (8 * count));
}

function hasOtherThanTab(bytes: DataView, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes.getUint8(at);
    if ((byte < 32 && byte !== 9) || byte === 127) return true;
  }
  return false;
}

/**
 * Returns whether bytes are a request target in a common form: a path or an asterisk, in printable ASCII.
 *
 * @param start of the target; at least four bytes must precede it
 */
export function isUsualTarget(bytes: DataView, start: number, end: number): boolean {
  if (start === end) return false;
  const first = bytes.getUint8(start);
  let found = first === SLASH || first === ASTERISK ? 0 : TOP_BITS;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes.getInt32(at, true);
    found |= word | (word - PRINTABLE) | ((word & LOW_BITS) + ONES);
  }
  if (at < end) {
    const word = lastBytes(bytes, end, end - at);
    found |= word | (word - PRINTABLE) | ((word & LOW_BITS) + ONES);
  }
  return (found & TOP_BITS) === 0;
}

/** Scheme, authority and the rest of an absolute target. */
const ABSOLUTE_TARGET = /^[A-Za-z]+:\/\/(?:[!$-;=?A-[\]_a-z~]|@(?!@))*(?:[/?][\x21-\x7e]*)?$/;

/** Returns whether a string is a request target: a path, an asterisk or an absolute URL; for CONNECT host and port. */
export function isRequestTarget(target: string, method: string): boolean {
  if (/^[/*][\x21-\x7e]*$/.test(target) || ABSOLUTE_TARGET.test(target)) return true;
  return method === "CONNECT" && /^[\x21-\x7e]+$/.test(target);
}

/** Each byte as written in a path. */
const ENCODED: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9\-._~!$&'()*+,;=:@/]/.test(character)
    ? character
    : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
});

/** Percent-encodes a path with one character per byte, and prefixes a slash if it has none. */
export function encodePath(path: string): string {
  let url = path.startsWith("/") ? "" : "/";
  for (let index = 0; index < path.length; index++) url += ENCODED[path.charCodeAt(index)]!;
  return url;
}

/** Returns whether a string is a length: up to 15 digits, which a number represents exactly. */
export function isLength(value: string): boolean {
  if (value.length === 0 || value.length > 15) return false;
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code < 48 || code > 57) return false;
  }
  return true;
}
