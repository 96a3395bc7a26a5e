/**
 * Reads `Content-Length` and `Transfer-Encoding` of a response if they are not just a number or `chunked`, which is
 * rare.
 */

/** Transfer codings (RFC 9112, 7.2) that are content codings by the same name (RFC 9110, 8.4.1). */
const CONTENT_CODINGS = new Set(["gzip", "x-gzip", "deflate", "compress", "x-compress"]);

/**
 * Reads a Content-Length as the parser of Node.js does: digits with optional white space around them. A list of equal
 * values counts as one value (RFC 9110, 8.6).
 *
 * @returns -1 if it is not a length
 */
export function readContentLength(value: string): number {
  const [first, ...others] = value.split(",").map(trimWhiteSpace);
  if (first === undefined || !/^\d+$/.test(first) || others.some((item) => item !== first)) return -1;
  const length = Number(first);
  return Number.isSafeInteger(length) ? length : -1;
}

/** The codings that the values of Transfer-Encoding name. */
export interface TransferCodings {
  /** Whether `chunked` is the last coding. node:http applies it. */
  readonly isChunked: boolean;
  /** The other codings, as a value of Content-Encoding, or "". */
  readonly contentCoding: string;
}

/**
 * Reads the values of Transfer-Encoding.
 *
 * FastCGI has no transfer codings. `chunked`, which node:http has applied, is removed from the body. Other codings were
 * applied by the application; the bytes stay as they are, and Content-Encoding, which has the same codings, tells the
 * client.
 *
 * @returns undefined if known and unknown codings are mixed, or `chunked` is not the last
 */
export function readTransferCodings(value: string): TransferCodings | undefined {
  const codings = value
    .split(",")
    .map((item) => trimWhiteSpace(item).toLowerCase())
    .filter((item) => item !== "" && item !== "identity");
  // No known coding at all (such as `binary`): the body is sent as it is.
  if (codings.every((item) => item !== "chunked" && !CONTENT_CODINGS.has(item))) {
    return { isChunked: false, contentCoding: "" };
  }
  const isChunked = codings.at(-1) === "chunked";
  if (isChunked) codings.pop();
  if (!codings.every((coding) => CONTENT_CODINGS.has(coding))) return undefined;
  return { isChunked, contentCoding: codings.join(", ") };
}

/** Trims white space as RFC 9110, 5.6.3 defines it: blanks and tabs only. */
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
