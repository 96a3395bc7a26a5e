import { METHODS } from "node:http";
import { readPairs } from "../protocol/name-value.ts";
import { type ForwardedPolicy, forwardedFields } from "./forwarded.ts";
import { NO_METHOD_MESSAGE, sendsFieldsInRandomOrder } from "./front-ends.ts";
import { addHeader, beginHeaders, endHeaders, joinHeaders, sortHeaders } from "./header-fields.ts";
import { addTransferEncoding, type HeadProblem, RequestHead, setVariable } from "./request-head.ts";
import { encodePath, hasControlByte, isRequestTarget, isUsualTarget } from "./syntax.ts";
import {
  type Field,
  findKnownName,
  findName,
  readLongName,
  Variable,
  type VariableName,
} from "./variable-name.ts";

const NO_VIEW = new DataView(new ArrayBuffer(0));
const methods: ReadonlyMap<string, string> = new Map(METHODS.map((method) => [method, method]));

/** Limits of {@link readRequestHead}. */
export interface HeadLimits {
  /** Maximum number of name-value pairs: header fields and other variables together. */
  readonly maxPairs: number;
  /**
   * The request is refused from this length on: bytes of the request target and of the names and values of header
   * fields, counted as `maxHeaderSize` of node:http does. Unlimited by default.
   */
  readonly maxHeaderSize?: number;
  /** How to treat X-Forwarded-* and the like. The default is `drop`. */
  readonly forwarded?: ForwardedPolicy;
  /** Whether fields with a single value are joined as well: the option of node:http of that name. */
  readonly joinDuplicateHeaders?: boolean;
}

/** Longer names and methods are truncated in messages. */
const MAX_QUOTED_LENGTH = 64;
const BLANK = 0x20;
// `GET`, and `HTTP` and `/1.1`, as bytes.
const GET_WORD = 0x47455400;
const HTTP_WORD = 0x48545450;
const VERSION_1_1_WORD = 0x2f312e31;
const NO_HEAD = new RequestHead();
let head: RequestHead = NO_HEAD;
/** `params` as Latin-1: values are slices of this string. */
let text = "";
/** `params`: names are compared four bytes at a time. */
let view: DataView = NO_VIEW;
/** Bytes left of `maxHeaderSize`. */
let headerSizeLeft = 0;
/** Whether REQUEST_URI is valid, and needs no regular expression. */
let isUsual = false;

/**
 * Reads the meta-variables of a request in one pass over `params`.
 *
 * Header fields come from `HTTP_*`, except Content-Length and Content-Type, which come from CONTENT_LENGTH and
 * CONTENT_TYPE only: clients can forge `HTTP_CONTENT_LENGTH` behind some web servers. Empty values of these two are
 * ignored, and `Proxy` is dropped (httpoxy). Repeated fields are joined as node:http does. `Transfer-Encoding` is kept
 * only if the length is unknown: the web server has decoded the body, but body parsers read one only if either field
 * is present.
 *
 * A request that the parser of node:http would refuse gets a `problem`: too many bytes, an invalid field name or
 * target, a control character in a value. Beyond a limit only REQUEST_METHOD and SERVER_SOFTWARE are read, which the
 * error response depends on.
 *
 * @param params the name-value stream
 * @throws ProtocolError if it is malformed
 * @see RFC 3875, section 4.1
 */
export function readRequestHead(params: Buffer, limits: HeadLimits): RequestHead {
  const request = new RequestHead();
  head = request;
  text = params.toString("latin1");
  view = new DataView(params.buffer, params.byteOffset, params.length);
  request.forwarded = limits.forwarded ?? "drop";
  beginHeaders(limits.joinDuplicateHeaders ?? false);
  isUsual = false;
  headerSizeLeft = limits.maxHeaderSize ?? Number.POSITIVE_INFINITY;
  if (readPairs(params, readPair, limits.maxPairs) > limits.maxPairs) {
    request.problem = { statusCode: 431, message: `params hold more than ${limits.maxPairs} pairs` };
    readPairs(params, readEssentials);
  }
  text = "";
  view = NO_VIEW;
  head = NO_HEAD;
  finish(request);
  endHeaders();
  return request;
}

function readPair(bytes: Uint8Array, nameStart: number, valueStart: number, end: number): void {
  const name = findName(view, nameStart, valueStart);
  if (name.variable === Variable.HEADER) readHeader(bytes, name.field, valueStart, end);
  else if (name.variable !== Variable.IGNORED) readVariable(bytes, name, nameStart, valueStart, end);
}

/** Reads a pair whose name is too long for the table of names. Only header fields have such names. */
function readLong(bytes: Uint8Array, nameStart: number, valueStart: number, end: number): void {
  if (!text.startsWith("HTTP_", nameStart)) return;
  if (valueStart - nameStart - "HTTP_".length >= headerSizeLeft) {
    refuseSize(head);
    return;
  }
  const name = readLongName(view, nameStart, valueStart);
  if (name.variable === Variable.HEADER) readHeader(bytes, name.field, valueStart, end);
  else readVariable(bytes, name, nameStart, valueStart, end);
}

function readVariable(
  bytes: Uint8Array,
  name: VariableName,
  nameStart: number,
  valueStart: number,
  end: number,
): void {
  switch (name.variable) {
    case Variable.LONG:
      readLong(bytes, nameStart, valueStart, end);
      break;
    case Variable.FILLED_HEADER:
      if (end > valueStart) readHeader(bytes, name.field, valueStart, end);
      break;
    case Variable.FORWARDED:
      if (head.forwarded === "pass") readHeader(bytes, name.field, valueStart, end);
      break;
    case Variable.REQUEST_URI:
      head.url = text.slice(valueStart, end);
      isUsual = isUsualTarget(view, valueStart, end);
      break;
    // Constants for common values instead of slices: 10% of the time to read a head.
    case Variable.REQUEST_METHOD:
      head.method =
        end - valueStart === 3 && view.getInt32(valueStart - 1) << 8 === GET_WORD
          ? "GET"
          : text.slice(valueStart, end);
      break;
    case Variable.SERVER_PROTOCOL:
      head.protocol =
        end - valueStart === 8 &&
        view.getInt32(valueStart) === HTTP_WORD &&
        view.getInt32(end - 4) === VERSION_1_1_WORD
          ? "HTTP/1.1"
          : text.slice(valueStart, end);
      break;
    case Variable.INVALID:
      head.problem ??= { statusCode: 400, message: "the name of a header field is no token" };
      break;
    default:
      setVariable(head, name, text.slice(valueStart, end));
  }
}

function readHeader(bytes: Uint8Array, field: Field, valueStart: number, valueEnd: number): void {
  headerSizeLeft -= field.key.length + valueEnd - valueStart;
  // From here on, every further field ends here.
  if (headerSizeLeft <= 0) {
    refuseSize(head);
    return;
  }
  // Trims white space, which is not part of a value (RFC 9110, 5.5); some web servers do not.
  let start = valueStart;
  let end = valueEnd;
  if (end > start && (bytes[end - 1]! <= BLANK || bytes[start]! <= BLANK)) {
    while (end > start && isBlank(bytes[end - 1]!)) end--;
    while (start < end && isBlank(bytes[start]!)) start++;
  }
  if (hasControlByte(view, start, end)) refuseValue(head, field);
  addHeader(head, field, text.slice(start, end));
}

/** Reads what the error response to a request beyond a limit depends on. */
function readEssentials(_bytes: Uint8Array, nameStart: number, valueStart: number, end: number): void {
  const { variable } = findKnownName(view, nameStart, valueStart);
  if (variable === Variable.REQUEST_METHOD) head.method = text.slice(valueStart, end);
  else if (variable === Variable.SERVER_SOFTWARE) head.serverSoftware = text.slice(valueStart, end);
}

function refuseSize(request: RequestHead): void {
  headerSizeLeft = 0;
  request.problem = { statusCode: 431, message: "the request target and header fields exceed maxHeaderSize" };
}

function refuseValue(request: RequestHead, field: Field): void {
  const name = shorten(field.raw);
  request.problem ??= { statusCode: 400, message: `header field ${name} holds a control character` };
}

function shorten(name: string): string {
  return name.length > MAX_QUOTED_LENGTH ? `${name.slice(0, MAX_QUOTED_LENGTH)}\u2026` : name;
}

function isBlank(byte: number): boolean {
  return byte === BLANK || byte === 0x09;
}

function finish(request: RequestHead): void {
  const method = request.method === "GET" ? "GET" : methods.get(request.method);
  if (method !== undefined) request.method = method;
  if (request.problem?.statusCode === 431) return;
  if (sendsFieldsInRandomOrder(request.serverSoftware)) sortHeaders(request);
  joinHeaders(request);
  if (request.contentLength < 0 && request.hasTransferEncoding) addTransferEncoding(request);
  if (request.forwarded === "set") setForwarded(request);
  if (method === undefined) request.problem ??= methodProblem(request.method);
  if (request.url === "") request.url = urlFromPath(request);
  headerSizeLeft -= request.url.length;
  if (headerSizeLeft <= 0) refuseSize(request);
  else if (!isUsual && !isRequestTarget(request.url, request.method))
    request.problem ??= { statusCode: 400, message: "REQUEST_URI is no request target" };
}

function setForwarded(request: RequestHead): void {
  for (const [raw, key, value] of forwardedFields(request)) {
    request.rawHeaders.push(raw, value);
    request.headers[key] = value;
  }
}

function methodProblem(method: string): HeadProblem {
  if (method !== "")
    return { statusCode: 400, message: `request method ${JSON.stringify(shorten(method))} is not known` };
  return {
    statusCode: 500,
    message: NO_METHOD_MESSAGE,
  };
}

/** Builds the request target from the decoded path, if the web server sends no REQUEST_URI. */
function urlFromPath({ scriptName, pathInfo, query }: RequestHead): string {
  const path = scriptName + pathInfo;
  // A path beyond the limit is not encoded; the request is refused anyway.
  const url = path.length >= headerSizeLeft ? path : encodePath(path);
  return query === "" ? url : `${url}?${query}`;
}
