import { readContentLength, readTransferCodings, trimWhiteSpace } from "./response-framing.ts";

/** A response head on its way from HTTP to CGI: what {@link translateResponseHead} says of it. */
export interface ResponseHead {
  /** Where the head ends in the text given, the empty line included. */
  end: number;
  /**
   * The CGI head, the empty line included; "" for a 1xx head, which no front end can take; undefined where
   * nothing but the first nine characters has to change: `HTTP/1.1 ` to `Status: `.
   */
  text: string | undefined;
  statusCode: number;
  /** Bytes of the body that the head announces, or -1. */
  contentLength: number;
  /** Whether the application asked for `Transfer-Encoding: chunked`: the body comes framed. */
  isChunked: boolean;
  /** Whether there is a Location field. */
  hasLocation: boolean;
}

/** Puts `Status: ` in the place of `HTTP/1.1 `, which an HTTP response head begins with. */
export function toStatusField(text: string): string {
  return `Status: ${text.slice(9)}`;
}

/** Transfer-Encoding, where it is not `chunked` alone. */
let transferEncoding = "";
/** Content-Length, quoted, where it is no length or there are different ones. */
let wrongLength = "";
/** Fields that stand in the place of some that were dropped. */
let added = "";

/** One for all: it is read at once, and answers are many. */
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
 * `HTTP/1.1 200 OK` becomes `Status: 200 OK`. Fields that belong to one HTTP connection are dropped, as every
 * front end has its own, and so is a `Status` field, which would be a second status. 1xx heads are dropped:
 * only lighttpd copes with them. 101 becomes 501: no front end tunnels.
 *
 * @param text what node:http wrote: a head, and perhaps the beginning of the body
 * `Content-Length` is written as a plain number, and once; it is dropped beside `Transfer-Encoding`. Codings below
 * `chunked`, as in `gzip, chunked`, become a `Content-Encoding`.
 *
 * @returns one object, which the next call overwrites; undefined if no head is there
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
    // Most fields begin with none of these letters: one look at the first is all they cost.
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
    // HAProxy 2.6 turns any status into 302 when it meets Location after it: the status comes last here.
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

/** Notes the length behind a colon; returns whether the line is not to be kept as it is. */
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
  // A range of the bytes before their coding would be taken for one of those after it.
  if (codings === undefined || (codings.contentCoding !== "" && statusCode === 206)) {
    throw invalidValue("Transfer-Encoding", `"${transferEncoding}"`);
  }
  result.isChunked = codings.isChunked;
  if (codings.contentCoding !== "") added = `Content-Encoding: ${codings.contentCoding}\r\n${added}`;
}

/** Translates a head that has Transfer-Encoding beside Content-Length, which is not valid then (RFC 9112, 6.2). */
function withoutLength(text: string, end: number): ResponseHead | undefined {
  const head = translateResponseHead(text.slice(0, end).replace(/\ncontent-length:[^\n]*/gi, ""));
  result.end = end;
  return head;
}

/** Class, code and words are those of node:http for values that it refuses by itself. */
function invalidValue(name: string, value: string): TypeError {
  return Object.assign(new TypeError(`Invalid value ${value} for header "${name}"`), {
    code: "ERR_HTTP_INVALID_HEADER_VALUE",
  });
}

function valueAt(text: string, start: number): string {
  return trimWhiteSpace(text.slice(start, text.indexOf("\r", start)));
}

/** Whether `name`, in lower case, stands at `start`, in any case; the caller has compared the lengths. */
function isField(text: string, start: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    if ((text.charCodeAt(start + index) | 0x20) !== name.charCodeAt(index)) return false;
  }
  return true;
}

function digitAt(text: string, position: number): number {
  return text.charCodeAt(position) - 0x30;
}

/** The number behind a colon, or -1; digits are read one by one, as a regular expression costs more. */
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
