import { readContentLength, readTransferCodings, trimWhiteSpace } from "./response-framing.ts";

/** Result of {@link translateResponseHead}. */
export interface ResponseHead {
  /** Index in the given text after the empty line of the head. */
  end: number;
  /**
   * The CGI head with its empty line; "" for a 1xx head, which web servers cannot forward; undefined if only the first
   * nine characters change, from `HTTP/1.1 ` to `Status: `.
   */
  text: string | undefined;
  statusCode: number;
  /** Content-Length in bytes, or -1. */
  contentLength: number;
  /** Whether node:http applies the chunked coding to the body. */
  isChunked: boolean;
  /** Whether there is a Location field. */
  hasLocation: boolean;
}

/** Replaces `HTTP/1.1 ` at the start of a response head with `Status: `. */
export function toStatusField(text: string): string {
  return `Status: ${text.slice(9)}`;
}

/** Values of Transfer-Encoding, unless it is `chunked` alone. */
let transferEncoding = "";
/** Content-Length, quoted, if it is invalid or has different values. */
let wrongLength = "";
/** Fields that replace dropped ones. */
let added = "";

/** Reused for all responses: callers read it at once. */
const result: ResponseHead = {
  end: 0,
  text: "",
  statusCode: 0,
  contentLength: -1,
  isChunked: false,
  hasLocation: false,
};

/**
 * Translates the HTTP response head at the beginning of `text` into a CGI one.
 *
 * `HTTP/1.1 200 OK` becomes `Status: 200 OK`. Hop-by-hop fields are dropped, and so is a `Status` field, which would be
 * a second status. 1xx heads are dropped, and 101 becomes 501, because web servers cannot forward them.
 *
 * `Content-Length` is written once, as a plain number; it is dropped if there is a `Transfer-Encoding`. Codings other
 * than `chunked`, as in `gzip, chunked`, become a `Content-Encoding`.
 *
 * @param text written by node:http: a head, and perhaps the beginning of the body
 * @returns one object, which the next call overwrites; undefined if `text` does not begin with a complete head
 * @throws TypeError (ERR_HTTP_INVALID_HEADER_VALUE) if Content-Length is no length, or two of them differ, or
 *   Transfer-Encoding cannot be taken off
 * @see RFC 3875, section 6; RFC 9110, section 7.6.1
 */
export function translateResponseHead(text: string): ResponseHead | undefined {
  if (!text.startsWith("HTTP/1.1 ")) return undefined;
  let head = "";
  let copied = 9;
  result.contentLength = -1;
  result.isChunked = false;
  result.hasLocation = false;
  transferEncoding = "";
  wrongLength = "";
  added = "";
  const fields = text.indexOf("\n") + 1;
  let line = fields;
  for (;;) {
    const first = text.charCodeAt(line);
    if (first === 0x0d) break; // the empty line
    const next = text.indexOf("\n", line) + 1;
    if (next === 0) return undefined;
    // Most fields begin with another letter, so one comparison suffices for them.
    switch (first | 0x20) {
      case 0x63: // c: Connection, Content-Length
      case 0x6b: // k: Keep-Alive
      case 0x6c: // l: Location
      case 0x70: // p: Proxy-Connection
      case 0x73: // s: Status
      case 0x74: // t: Transfer-Encoding, TE, Trailer
      case 0x75: // u: Upgrade
        if (isDropped(text, line)) {
          head += text.slice(copied, line);
          copied = next;
        }
    }
    line = next;
  }
  const end = line + 2;
  const statusCode = digitAt(text, 9) * 100 + digitAt(text, 10) * 10 + digitAt(text, 11);
  result.end = end;
  result.statusCode = statusCode;
  if (statusCode < 200) {
    result.text = statusCode === 101 ? "Status: 501 Not Implemented\r\n\r\n" : "";
    return result;
  }
  if (wrongLength !== "") throw invalidValue("Content-Length", wrongLength);
  if (transferEncoding !== "") readCodings(statusCode);
  if (result.contentLength >= 0 && (result.isChunked || added.startsWith("Content-Encoding"))) {
    return withoutLength(text, end);
  }
  if (added !== "") {
    head += text.slice(copied, line) + added;
    copied = line;
  }
  if (result.hasLocation) {
    // HAProxy 2.6 changes a status that precedes Location to 302, so Status comes last.
    const kept = copied === 9 ? text.slice(fields, line) : head.slice(fields - 9) + text.slice(copied, line);
    result.text = `${kept}Status: ${text.slice(9, fields)}\r\n`;
  } else {
    result.text = copied === 9 ? undefined : `Status: ${head}${text.slice(copied, end)}`;
  }
  return result;
}

function isDropped(text: string, line: number): boolean {
  const colon = text.indexOf(":", line);
  switch (colon - line) {
    case 2:
      return isField(text, line, "te");
    case 6:
      return isField(text, line, "status");
    case 7:
      return isField(text, line, "trailer") || isField(text, line, "upgrade");
    case 8:
      if (isField(text, line, "location")) result.hasLocation = true;
      return false;
    case 10:
      return isField(text, line, "connection") || isField(text, line, "keep-alive");
    case 14:
      return isField(text, line, "content-length") && isReplacedLength(text, colon + 1);
    case 16:
      return isField(text, line, "proxy-connection");
    case 17:
      if (!isField(text, line, "transfer-encoding")) return false;
      addTransferEncoding(text, colon + 1);
      return true;
    default:
      return false;
  }
}

/** Reads the length after a colon. Returns whether the line is dropped or replaced. */
function isReplacedLength(text: string, start: number): boolean {
  const plain = lengthOf(text, start);
  const length = plain >= 0 ? plain : readContentLength(valueAt(text, start));
  const isFirst = result.contentLength < 0;
  if (length < 0) {
    wrongLength = `"${valueAt(text, start)}"`;
  } else if (isFirst) {
    result.contentLength = length;
    if (plain < 0) added += `Content-Length: ${length}\r\n`;
  } else if (length !== result.contentLength) {
    wrongLength = `"${result.contentLength}" and "${length}"`;
  }
  return !isFirst || plain < 0;
}

function addTransferEncoding(text: string, start: number): void {
  const value = valueAt(text, start);
  if (transferEncoding === "" && !result.isChunked && value.toLowerCase() === "chunked") {
    result.isChunked = true;
  } else {
    const before = result.isChunked && transferEncoding === "" ? "chunked" : transferEncoding;
    transferEncoding = before === "" ? value : `${before}, ${value}`;
  }
}

function readCodings(statusCode: number): void {
  const codings = readTransferCodings(transferEncoding);
  // The range of a 206 refers to the bytes before the coding; with Content-Encoding it would refer to those after it.
  if (codings === undefined || (codings.contentCoding !== "" && statusCode === 206)) {
    throw invalidValue("Transfer-Encoding", `"${transferEncoding}"`);
  }
  result.isChunked = codings.isChunked;
  if (codings.contentCoding !== "") added = `Content-Encoding: ${codings.contentCoding}\r\n${added}`;
}

/** Translates a head that has both Transfer-Encoding and Content-Length: the latter is dropped (RFC 9112, 6.2). */
function withoutLength(text: string, end: number): ResponseHead | undefined {
  const head = translateResponseHead(text.slice(0, end).replace(/\ncontent-length:[^\n]*/gi, ""));
  result.end = end;
  return head;
}

/** Class, code and message are those of node:http for invalid values. */
function invalidValue(name: string, value: string): TypeError {
  return Object.assign(new TypeError(`Invalid value ${value} for header "${name}"`), {
    code: "ERR_HTTP_INVALID_HEADER_VALUE",
  });
}

function valueAt(text: string, start: number): string {
  return trimWhiteSpace(text.slice(start, text.indexOf("\r", start)));
}

/** Returns whether `name` (lower case) is at `start`, ignoring case. The caller has compared the lengths. */
function isField(text: string, start: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    if ((text.charCodeAt(start + index) | 0x20) !== name.charCodeAt(index)) return false;
  }
  return true;
}

function digitAt(text: string, position: number): number {
  return text.charCodeAt(position) - 0x30;
}

/** Returns the number after a colon, or -1. Reads single digits, because a regular expression costs more. */
function lengthOf(text: string, start: number): number {
  let position = start;
  while (text.charCodeAt(position) === 0x20) position++;
  let length = 0;
  const first = position;
  for (;;) {
    const digit = digitAt(text, position);
    if (digit < 0 || digit > 9) break;
    length = length * 10 + digit;
    position++;
  }
  return position > first && position - first <= 15 && text.charCodeAt(position) === 0x0d ? length : -1;
}
