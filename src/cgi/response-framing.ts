/**
 * What an application says by itself of how long its response is and how it is coded: `Content-Length` and
 * `Transfer-Encoding`, when they are not just a number and `chunked`. Only unusual responses come here.
 */

/** Transfer codings (RFC 9112, 7.2) that are content codings by the same name (RFC 9110, 8.4.1). */
const CONTENT_CODINGS = new Set(["gzip", "x-gzip", "deflate", "compress", "x-compress"]);

/**
 * Reads a Content-Length as the parser of Node does: digits, with white space around them. A list of equal values is
 * one value (RFC 9110, 8.6).
 *
 * @returns -1 if it is no length
 */
export function readContentLength(value: string): number {
  const [first, ...others] = value.split(",").map(trimWhiteSpace);
  if (first === undefined || !/^\d+$/.test(first) || others.some((item) => item !== first)) return -1;
  const length = Number(first);
  return Number.isSafeInteger(length) ? length : -1;
}

/** What the values of Transfer-Encoding come to. */
export interface TransferCodings {
  /** Whether `chunked` is the last coding: node:http frames the body then. */
  readonly isChunked: boolean;
  /** The codings below it, as the value of Content-Encoding; "" if there is none. */
  readonly contentCoding: string;
}

/**
 * Reads the values of Transfer-Encoding.
 *
 * Whoever takes a message in removes its transfer codings; FastCGI has none. `chunked` is taken off, and node:http
 * itself put it on. The bytes below it were coded by the application: they stay as they are, and the field that tells
 * the client is Content-Encoding, which has the same codings.
 *
 * @returns undefined if there is an unknown coding among known ones, or `chunked` is not the last
 */
export function readTransferCodings(value: string): TransferCodings | undefined {
  const codings = value
    .split(",")
    .map((item) => trimWhiteSpace(item).toLowerCase())
    .filter((item) => item !== "" && item !== "identity");
  // Words that no specification knows, as `binary`: the bytes are the body itself.
  if (codings.every((item) => item !== "chunked" && !CONTENT_CODINGS.has(item))) {
    return { isChunked: false, contentCoding: "" };
  }
  const isChunked = codings.at(-1) === "chunked";
  if (isChunked) codings.pop();
  if (!codings.every((coding) => CONTENT_CODINGS.has(coding))) return undefined;
  return { isChunked, contentCoding: codings.join(", ") };
}

/** Takes off what RFC 9110, 5.6.3 calls white space, and no other. */
export function trimWhiteSpace(value: string): string {
  let start = 0;
  let end = value.length;
  while (isWhiteSpace(value.charCodeAt(start))) start++;
  while (end > start && isWhiteSpace(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
