import { STATUS_CODES } from "node:http";
import { ResponseError } from "../protocol/errors.ts";

/**
 * The head of a CGI response.
 *
 * @see RFC 3875, section 6.2
 */
export interface CGIHead {
  /** The status; without a `Status` field it is 302 if there is a `Location`, else 200. */
  readonly statusCode: number;
  /** The reason phrase that the program sent, or the standard one. */
  readonly statusMessage: string;
  /** Names and values alternately, as sent, without `Status`. Decoded as Latin-1. */
  readonly rawHeaders: string[];
  /**
   * Path and query of a local redirect (RFC 3875, 6.2.2): the web server processes the request again with them. Set if
   * the only field is a `Location` that begins with a slash. `statusCode` is 302, for servers that forward the redirect
   * to the client.
   */
  readonly localRedirect?: string;
}

/** A complete head, returned by {@link CGIHeadParser.push}. */
export interface ParsedCGIHead {
  readonly head: CGIHead;
  /** The bytes after the head, which begin the body. Shares memory with the chunk. */
  readonly rest: Buffer;
}

/** Limits of a {@link CGIHeadParser}. */
export interface CGIHeadOptions {
  /**
   * Maximum length of the head in bytes, line ends included.
   *
   * @defaultValue 65536
   */
  maxHeadLength?: number;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Control characters except tab. */
const CONTROL = /[^\t -~\x80-\xff]/;
const STATUS = /^(\d{3})(?:[ \t]+(.*))?$/;

/**
 * Parses the head of a CGI response, however it is split into chunks.
 *
 * Lines end with CR LF or LF. A missing `Content-Type` is not added, because a server must not guess it (6.3.1). Heads
 * with a 1xx status are dropped; the final head follows them. The work is linear in the length of the input, even if
 * it arrives byte by byte.
 *
 * @see RFC 3875, section 6
 */
export class CGIHeadParser {
  readonly #maxLength: number;
  #length = 0;
  #line = "";
  #rawHeaders: string[] = [];

  constructor(options: CGIHeadOptions = {}) {
    this.#maxLength = options.maxHeadLength ?? 65536;
  }

  /**
   * Parses the next bytes. Returns the head once its empty line has arrived, until then undefined.
   *
   * @throws ResponseError on a malformed or too long head; the parser cannot be used after that
   */
  push(chunk: Buffer): ParsedCGIHead | undefined {
    let position = 0;
    while (position < chunk.length) {
      const lineEnd = chunk.indexOf(0x0a, position);
      const end = lineEnd === -1 ? chunk.length : lineEnd + 1;
      this.#length += end - position;
      if (this.#length > this.#maxLength) {
        throw headError(`is longer than ${this.#maxLength} bytes`);
      }
      this.#line += chunk.toString("latin1", position, end);
      position = end;
      if (lineEnd === -1) return undefined;
      const line = this.#line.slice(0, this.#line.endsWith("\r\n") ? -2 : -1);
      this.#line = "";
      if (line !== "") {
        this.#field(line);
        continue;
      }
      const head = readFields(this.#rawHeaders);
      if (head) return { head, rest: chunk.subarray(position) };
      this.#rawHeaders = [];
    }
    return undefined;
  }

  /** Returns the error to report if the response ends before its head is complete. */
  unfinished(): ResponseError {
    return headError(this.#length === 0 ? "is missing: the response is empty" : "ends before its empty line");
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name)) {
      throw headError(`has a line that is no header field: ${quote(line)}${hint(line)}`);
    }
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    if (CONTROL.test(value)) {
      throw headError(`has a control character in the value of ${quote(name)}: ${quote(value)}`);
    }
    this.#rawHeaders.push(name, value);
  }
}

/** Interprets the fields of a complete head. Returns undefined for a 1xx head. */
function readFields(fields: string[]): CGIHead | undefined {
  const rawHeaders: string[] = [];
  let status: string | undefined;
  let location: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    const lowerCase = name.toLowerCase();
    if (lowerCase === "status") {
      if (status !== undefined) throw headError("has two Status fields");
      status = value;
      continue;
    }
    if (lowerCase === "location") {
      if (location !== undefined) throw headError("has two Location fields");
      location = value;
    }
    rawHeaders.push(name, value);
  }
  if (status !== undefined) return withStatus(status, rawHeaders);
  if (rawHeaders.length === 0) throw headError("has no header field");
  if (!location) return { statusCode: 200, statusMessage: "OK", rawHeaders };
  const redirect = { statusCode: 302, statusMessage: "Found", rawHeaders };
  // RFC 3875, 6.2.2: a local redirect has no other field. "//host" names another host.
  const isLocal = rawHeaders.length === 2 && /^\/(?!\/)/.test(location);
  return isLocal ? { ...redirect, localRedirect: location } : redirect;
}

function withStatus(status: string, rawHeaders: string[]): CGIHead | undefined {
  const match = STATUS.exec(status);
  const statusCode = Number(match?.[1]);
  if (!(statusCode >= 100) || statusCode === 101) {
    throw headError(`has the status ${quote(status)}, not three digits from 200 and a reason phrase`);
  }
  if (statusCode < 200) return undefined;
  return { statusCode, statusMessage: match?.[2] || (STATUS_CODES[statusCode] ?? ""), rawHeaders };
}

function headError(what: string): ResponseError {
  return new ResponseError(`head of the CGI response ${what}`);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}

function hint(line: string): string {
  if (/^HTTP\//.test(line)) return ' (CGI wants "Status: 200 OK" in its place)';
  if (/^[ \t]/.test(line)) return " (CGI knows no continuation lines)";
  return "";
}
