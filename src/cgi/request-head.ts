import { METHODS } from "node:http";
import { readPairs } from "../protocol/name-value.ts";
import { type Field, findName, Repeat, Variable, type VariableName } from "./variable-name.ts";

const NO_VIEW = new DataView(new ArrayBuffer(0));
const methods: ReadonlyMap<string, string> = new Map(METHODS.map((method) => [method, method]));

/** Says why a request cannot be given to an application. */
export interface HeadProblem {
  readonly statusCode: number;
  readonly message: string;
}

/** Limits of {@link readRequestHead}. */
export interface HeadLimits {
  /** Name-value pairs, header fields and other variables together. */
  readonly maxPairs: number;
  /** Whether fields that allow one value only are joined, too, as node:http's option of that name wants it. */
  readonly joinDuplicateHeaders?: boolean;
}

/** A request as the web server describes it: what `req` and its socket are made from. */
export class RequestHead {
  method = "";
  url = "";
  protocol = "";
  readonly headers: Record<string, string | string[]> = {};
  readonly rawHeaders: string[] = [];
  /** Bytes of the body, or -1 if the server does not say. */
  contentLength = -1;
  hasTransferEncoding = false;
  remoteAddress = "";
  remotePort = "";
  localAddress = "";
  localPort = "";
  https = "";
  scheme = "";
  scriptName = "";
  pathInfo = "";
  query = "";
  serverSoftware = "";
  problem: HeadProblem | undefined = undefined;

  get isEncrypted(): boolean {
    // HTTPS says it in every server; IIS says "off" where others leave it out.
    const https = this.https;
    return https === "" ? this.scheme === "https" : https !== "off" && https !== "0";
  }
}

let head: RequestHead = new RequestHead();
/** The bytes that are being read, one character per byte: a value is a slice of it. */
let text = "";
/** The same bytes, for the names: several are compared at a time. */
let view: DataView = NO_VIEW;
let serial = 0;
let joinsAll = false;
/** The fields of `rawHeaders`, one for two of its entries. */
const fields: Field[] = [];
let fieldCount = 0;

/**
 * Reads the meta-variables of a request, in one pass over `params`.
 *
 * Header fields come from `HTTP_*`, and Content-Length and Content-Type from the variables of that name
 * alone: nginx, Caddy and lighttpd send `HTTP_CONTENT_LENGTH` too, and on Caddy, lighttpd and h2o a client can
 * forge it. An empty CONTENT_LENGTH or CONTENT_TYPE is no field. `Proxy` is dropped (httpoxy). A name that
 * comes twice is joined as node:http joins. `Transfer-Encoding: chunked` stays only where no usable length is:
 * the body is de-chunked already, and body parsers ask for one of the two before they read.
 *
 * @param params the name-value stream
 * @throws ProtocolError `ERR_FCGI_PARAMS` if it is malformed
 * @see RFC 3875, section 4.1
 */
export function readRequestHead(params: Buffer, limits: HeadLimits): RequestHead {
  const request = new RequestHead();
  head = request;
  text = params.toString("latin1");
  view = new DataView(params.buffer, params.byteOffset, params.length);
  serial++;
  joinsAll = limits.joinDuplicateHeaders ?? false;
  fieldCount = 0;
  const count = readPairs(params, readPair);
  text = "";
  view = NO_VIEW;
  if (count > limits.maxPairs) {
    request.problem = { statusCode: 431, message: `params hold ${count} pairs, at most ${limits.maxPairs}` };
  }
  finish(request);
  return request;
}

function readPair(bytes: Uint8Array, nameStart: number, valueStart: number, end: number): void {
  const name = findName(view, nameStart, valueStart);
  if (name.variable === Variable.HEADER) {
    // nginx and h2o leave blanks and tabs behind a value: they are no part of it (RFC 9110, 5.5).
    let valueEnd = end;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1]!)) valueEnd--;
    addHeader(head, name.field, text.slice(valueStart, valueEnd));
  } else if (name.variable !== Variable.IGNORED) {
    addVariable(head, name, text.slice(valueStart, end));
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function addVariable(request: RequestHead, name: VariableName, value: string): void {
  switch (name.variable) {
    case Variable.REQUEST_METHOD:
      request.method = value;
      break;
    case Variable.REQUEST_URI:
      request.url = value;
      break;
    case Variable.SERVER_PROTOCOL:
      request.protocol = value;
      break;
    case Variable.REMOTE_ADDR:
      request.remoteAddress = value;
      break;
    case Variable.REMOTE_PORT:
      request.remotePort = value;
      break;
    case Variable.SERVER_ADDR:
      request.localAddress = value;
      break;
    case Variable.SERVER_PORT:
      request.localPort = value;
      break;
    case Variable.HTTPS:
      request.https = value;
      break;
    case Variable.REQUEST_SCHEME:
      request.scheme = value;
      break;
    case Variable.SCRIPT_NAME:
      request.scriptName = value;
      break;
    case Variable.PATH_INFO:
      request.pathInfo = value;
      break;
    case Variable.QUERY_STRING:
      request.query = value;
      break;
    case Variable.UNENCODED_URL:
      // IIS: the target as sent, where REQUEST_URI is missing.
      if (request.url === "") request.url = value;
      break;
    case Variable.SERVER_SOFTWARE:
      request.serverSoftware = value;
      break;
    case Variable.HTTP_HOST: // empty from Caddy and nginx where an HTTP/1.0 request has none
    case Variable.CONTENT_TYPE:
      if (value !== "") addHeader(request, name.field, value);
      break;
    case Variable.CONTENT_LENGTH:
      // Empty from nginx, -1 from Caddy 2.6 for a chunked upload: neither is a length.
      if (isLength(value) && request.contentLength < 0) {
        request.contentLength = Number(value);
        addHeader(request, name.field, value);
      }
      break;
    case Variable.TRANSFER_ENCODING:
      request.hasTransferEncoding = value !== "";
      break;
  }
}

function addHeader(request: RequestHead, field: Field, value: string): void {
  request.rawHeaders.push(field.raw, value);
  fields[fieldCount++] = field;
}

/**
 * Puts header fields into the order of their names.
 *
 * Caddy keeps them in a map of Go's, and sends them in another order each time: `headers` would be an object of
 * another shape each time, which costs V8 several microseconds.
 */
function sortHeaders(rawHeaders: string[]): void {
  for (let index = 1; index < fieldCount; index++) {
    const field = fields[index]!;
    const value = rawHeaders[index * 2 + 1]!;
    let place = index;
    for (; place > 0 && isBefore(field, fields[place - 1]!); place--) {
      fields[place] = fields[place - 1]!;
      rawHeaders[place * 2] = rawHeaders[place * 2 - 2]!;
      rawHeaders[place * 2 + 1] = rawHeaders[place * 2 - 1]!;
    }
    fields[place] = field;
    rawHeaders[place * 2] = field.raw;
    rawHeaders[place * 2 + 1] = value;
  }
}

function isBefore(field: Field, other: Field): boolean {
  return field.rank < other.rank || (field.rank === other.rank && field.key < other.key);
}

/** Makes `headers` from `rawHeaders`, as node:http does. */
function joinHeaders({ headers, rawHeaders }: RequestHead): void {
  const now = serial;
  for (let index = 0, at = 1; at < rawHeaders.length; index++, at += 2) {
    const field = fields[index]!;
    const value = rawHeaders[at]!;
    if (field.seen !== now) {
      field.seen = now;
      headers[field.key] = field.repeat === Repeat.LIST ? [value] : value;
    } else {
      repeatHeader(headers, field, value);
    }
  }
}

function repeatHeader(headers: RequestHead["headers"], field: Field, value: string): void {
  const previous = headers[field.key];
  if (Array.isArray(previous)) previous.push(value);
  else if (field.repeat === Repeat.JOIN || (joinsAll && field.repeat === Repeat.FIRST_WINS))
    headers[field.key] = `${previous}, ${value}`;
  else if (field.repeat === Repeat.COOKIE) headers[field.key] = `${previous}; ${value}`;
}

/** At most 15 digits: exact as a number, and more than any disk holds. */
function isLength(value: string): boolean {
  if (value.length === 0 || value.length > 15) return false;
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

function finish(request: RequestHead): void {
  if (request.serverSoftware.startsWith("Caddy")) sortHeaders(request.rawHeaders);
  joinHeaders(request);
  if (request.contentLength < 0 && request.hasTransferEncoding) addTransferEncoding(request);
  const method = methods.get(request.method);
  if (method !== undefined) request.method = method;
  else request.problem ??= methodProblem(request.method);
  if (request.url === "") request.url = urlFromPath(request);
}

/** Says that a body comes without a length. */
export function addTransferEncoding(request: RequestHead): void {
  request.hasTransferEncoding = true;
  request.rawHeaders.push("Transfer-Encoding", "chunked");
  request.headers["transfer-encoding"] = "chunked";
}

function methodProblem(method: string): HeadProblem {
  if (method !== "")
    return { statusCode: 400, message: `request method ${JSON.stringify(method)} is not known` };
  return {
    statusCode: 500,
    // nginx: a single fastcgi_param in a location drops all that it would inherit.
    message:
      "the web server sent no REQUEST_METHOD: in nginx, put `include fastcgi_params;` into the location",
  };
}

/** The request target from the decoded path: only where a server sends no REQUEST_URI. */
function urlFromPath(request: RequestHead): string {
  const path = Buffer.from(request.scriptName + request.pathInfo, "latin1");
  let url = "";
  for (const byte of path) {
    const character = String.fromCharCode(byte);
    url += /[A-Za-z0-9\-._~!$&'()*+,;=:@/]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  if (!url.startsWith("/")) url = `/${url}`;
  return request.query === "" ? url : `${url}?${request.query}`;
}
