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
 * @returns one object, which the next call overwrites; undefined if no head is there
 * @see RFC 3875, section 6; RFC 9110, section 7.6.1
 */
export function translateResponseHead(text: string): ResponseHead | undefined {
  if (!text.startsWith("HTTP/1.1 ")) return undefined;
  let head = "";
  let copied = 9;
  result.contentLength = -1;
  result.isChunked = false;
  result.hasLocation = false;
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
      if (isField(text, line, "content-length")) result.contentLength = lengthOf(text, colon + 1);
      return false;
    case 16:
      return isField(text, line, "proxy-connection");
    case 17:
      if (!isField(text, line, "transfer-encoding")) return false;
      result.isChunked = /^ *chunked *\r/i.test(text.slice(colon + 1, colon + 20));
      return true;
    default:
      return false;
  }
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
