import { STATUS_CODES } from "node:http";
import { ResponseError } from "../protocol/errors.ts";

/** The head of a CGI response, as the web server has to understand it. */
export interface CGIHead {
  /** 200 where the program gave none, 302 where it gave a `Location` only. */
  readonly statusCode: number;
  /** The program's reason phrase, or the usual one for `statusCode`. */
  readonly statusMessage: string;
  /** Names and values by turns, as sent, without `Status`; Latin-1, one character per byte. */
  readonly rawHeaders: string[];
  /**
   * Path and query that the web server is to answer with instead (RFC 3875, 6.2.2), if the program sent
   * nothing but a `Location` that begins with a slash. `statusCode` is 302 then, for servers that leave the
   * redirection to the browser.
   */
  readonly localRedirect?: string;
}

/** What {@link CGIHeadParser.push} found. */
export interface ParsedCGIHead {
  readonly head: CGIHead;
  /** The bytes after the head: the beginning of the body, shared with the chunk that was pushed. */
  readonly rest: Buffer;
}

/** Limits of a {@link CGIHeadParser}. */
export interface CGIHeadOptions {
  /**
   * Largest length of the head in bytes, line ends included.
   *
   * @defaultValue 65536
   */
  maxHeadLength?: number;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Control characters, all but tab. */
const CONTROL = /[^\t -~\x80-\xff]/;
const STATUS = /^(\d{3})(?:[ \t]+(.*))?$/;

/**
 * Parses the head of a CGI response, in whatever pieces it arrives.
 *
 * Lines end in CR LF or LF. `Status`, and `Location` without it, are read as RFC 3875 says; a missing
 * `Content-Type` is left missing, as the server must not guess (6.3.1). Heads with a 1xx status precede the
 * real one and are dropped. The work is linear in the length, also when bytes arrive one by one.
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
   * Takes the next bytes; returns the head as soon as its empty line came, `undefined` before.
   *
   * @throws ResponseError on a malformed or too long head; the parser is of no use afterwards
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

  /**
   * Returns the error that the end of the response is while the head is not complete.
   */
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

/** Reads the fields of a whole head; `undefined` for an interim one. */
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
  // RFC 3875, 6.2.2: with any other field it is no local redirect. "//host" is another site.
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
