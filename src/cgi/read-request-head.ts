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
  /** Name-value pairs, header fields and other variables together. */
  readonly maxPairs: number;
  /**
   * Bytes of the request target and of the names and values of header fields, as node:http's `maxHeaderSize`
   * counts them: so many are too many already. Without it there is no limit.
   */
  readonly maxHeaderSize?: number;
  /** What becomes of X-Forwarded-* and the like; `drop` if it is left out. */
  readonly forwarded?: ForwardedPolicy;
  /** Whether fields that allow one value only are joined, too, as node:http's option of that name wants it. */
  readonly joinDuplicateHeaders?: boolean;
}

/** Longer names and methods are cut in messages. */
const MAX_QUOTED_LENGTH = 64;
const BLANK = 0x20;
// `GET`, and `HTTP` and `/1.1`, as bytes.
const GET_WORD = 0x47455400;
const HTTP_WORD = 0x48545450;
const VERSION_1_1_WORD = 0x2f312e31;
const NO_HEAD = new RequestHead();
let head: RequestHead = NO_HEAD;
/** The bytes that are being read, one character per byte: a value is a slice of it. */
let text = "";
/** The same bytes, for the names: several are compared at a time. */
let view: DataView = NO_VIEW;
/** Bytes of header fields that may still be read. */
let headerSizeLeft = 0;
/** Whether REQUEST_URI needs no closer look. */
let isUsual = false;

/**
 * Reads the meta-variables of a request, in one pass over `params`.
 *
 * Header fields come from `HTTP_*`, and Content-Length and Content-Type from the variables of that name
 * alone: nginx, Caddy and lighttpd send `HTTP_CONTENT_LENGTH` too, and on Caddy, lighttpd and h2o a client can
 * forge it. An empty CONTENT_LENGTH or CONTENT_TYPE is no field. `Proxy` is dropped (httpoxy). A name that
 * comes twice is joined as node:http joins. `Transfer-Encoding: chunked` stays only where no usable length is:
 * the body is de-chunked already, and body parsers ask for one of the two before they read.
 *
 * A request that node:http's parser would refuse has a `problem`: too many bytes, a field name that is no token,
 * control characters in a value, a target that is none. Beyond a limit nothing is read but REQUEST_METHOD and
 * SERVER_SOFTWARE, which the response to it depends on.
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

/** Reads a pair with a name that is too long to be remembered: a header field, or nothing that has a meaning. */
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
    // The usual values are not cut out of the text each time: it saves a tenth of all the reading.
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
  // From here on all fields come here, and none is read.
  if (headerSizeLeft <= 0) {
    refuseSize(head);
    return;
  }
  // nginx and h2o leave blanks and tabs behind a value: they are no part of it (RFC 9110, 5.5).
  let start = valueStart;
  let end = valueEnd;
  if (end > start && (bytes[end - 1]! <= BLANK || bytes[start]! <= BLANK)) {
    while (end > start && isBlank(bytes[end - 1]!)) end--;
    while (start < end && isBlank(bytes[start]!)) start++;
  }
  if (hasControlByte(view, start, end)) refuseValue(head, field);
  addHeader(head, field, text.slice(start, end));
}

/** What the response to a request depends on that is over the limit. */
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

/** The request target from the decoded path: only where a server sends no REQUEST_URI. */
function urlFromPath({ scriptName, pathInfo, query }: RequestHead): string {
  const path = scriptName + pathInfo;
  // Longer than it may be already.
  const url = path.length >= headerSizeLeft ? path : encodePath(path);
  return query === "" ? url : `${url}?${query}`;
}
