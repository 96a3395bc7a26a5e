import { METHODS } from "node:http";
import { readPairs } from "../protocol/name-value.ts";

/** The variables that {@link readRequestHead} looks at, other than header fields. */
const Variable = {
  IGNORED: 0,
  HEADER: 1,
  REQUEST_METHOD: 2,
  REQUEST_URI: 3,
  SERVER_PROTOCOL: 4,
  REMOTE_ADDR: 5,
  REMOTE_PORT: 6,
  SERVER_ADDR: 7,
  SERVER_PORT: 8,
  HTTPS: 9,
  REQUEST_SCHEME: 10,
  CONTENT_LENGTH: 11,
  CONTENT_TYPE: 12,
  SCRIPT_NAME: 13,
  PATH_INFO: 14,
  QUERY_STRING: 15,
  UNENCODED_URL: 16,
  TRANSFER_ENCODING: 17,
} as const;

/** How a repeated field is treated, as node:http does it. */
const Repeat = { JOIN: 0, FIRST_WINS: 1, COOKIE: 2, LIST: 3 } as const;

/** What a name means: looked up once per name, not per request. */
interface Name {
  readonly variable: number;
  /** Field name as a browser would write it: `Accept-Encoding`. */
  readonly raw: string;
  /** Field name in lower case. */
  readonly key: string;
  readonly repeat: number;
  /** Serial number of the last request that had this field: tells repeated fields without a look-up. */
  seen: number;
}

const FIRST_WINS: ReadonlySet<string> = new Set(
  (
    "age authorization content-length content-type etag expires from host if-modified-since " +
    "if-unmodified-since last-modified location max-forwards proxy-authorization referer retry-after " +
    "server user-agent"
  ).split(" "),
);

/** Names are remembered up to this number, so that nobody fills the memory with invented ones. */
const MAX_NAMES = 2000;
const MAX_NAME_LENGTH = 256;
const names = new Map<string, Name>();
/** Header fields by key: names that differ in case or dashes only are one field. */
const fields = new Map<string, Name>();
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
  problem: HeadProblem | undefined = undefined;

  get isEncrypted(): boolean {
    // HTTPS says it in every server; IIS says "off" where others leave it out.
    const https = this.https;
    return https === "" ? this.scheme === "https" : https !== "off" && https !== "0";
  }
}

let head: RequestHead = new RequestHead();
let serial = 0;

/**
 * Reads the meta-variables of a request, in one pass over `params`.
 *
 * Header fields come from `HTTP_*`, and Content-Length and Content-Type from the variables of that name
 * alone: nginx, Caddy and lighttpd send `HTTP_CONTENT_LENGTH` too, and on Caddy, lighttpd and h2o a client can
 * forge it. An empty CONTENT_LENGTH or CONTENT_TYPE is no field. `Proxy` is dropped (httpoxy). A name that
 * comes twice is joined as node:http joins. `Transfer-Encoding: chunked` stays only where no usable length is:
 * the body is de-chunked already, and body parsers ask for one of the two before they read.
 *
 * @param params the name-value stream, one character per byte
 * @throws ProtocolError `ERR_FCGI_PARAMS` if it is malformed
 * @see RFC 3875, section 4.1
 */
export function readRequestHead(params: string, limits: HeadLimits): RequestHead {
  head = new RequestHead();
  serial++;
  const request = head;
  const count = readPairs(params, readPair);
  if (count > limits.maxPairs) {
    request.problem ??= {
      statusCode: 431,
      message: `params hold ${count} pairs, at most ${limits.maxPairs}`,
    };
  }
  finish(request);
  return request;
}

function readPair(text: string, nameStart: number, valueStart: number, end: number): void {
  const spelling = text.slice(nameStart, valueStart);
  const name = names.get(spelling) ?? learn(spelling);
  const request = head;
  switch (name.variable) {
    case Variable.HEADER:
      addHeader(request, name, text.slice(valueStart, end));
      break;
    case Variable.IGNORED:
      break;
    default:
      addVariable(request, name, text.slice(valueStart, end));
  }
}

function addVariable(request: RequestHead, name: Name, value: string): void {
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
      // IIS: the target as sent, where REQUEST_URI is missing or rewritten.
      if (request.url === "") request.url = value;
      break;
    case Variable.CONTENT_TYPE:
      if (value !== "") addHeader(request, name, value);
      break;
    case Variable.CONTENT_LENGTH:
      // Empty from nginx, -1 from Caddy 2.6 for a chunked upload: neither is a length.
      if (isLength(value) && name.seen !== serial) {
        request.contentLength = Number(value);
        addHeader(request, name, value);
      }
      break;
    case Variable.TRANSFER_ENCODING:
      request.hasTransferEncoding = value !== "";
      break;
  }
}

function addHeader(request: RequestHead, name: Name, value: string): void {
  request.rawHeaders.push(name.raw, value);
  if (name.seen !== serial) {
    name.seen = serial;
    request.headers[name.key] = name.repeat === Repeat.LIST ? [value] : value;
    return;
  }
  const previous = request.headers[name.key];
  if (Array.isArray(previous)) previous.push(value);
  else if (name.repeat === Repeat.JOIN) request.headers[name.key] = `${previous}, ${value}`;
  else if (name.repeat === Repeat.COOKIE) request.headers[name.key] = `${previous}; ${value}`;
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

function learn(text: string): Name {
  let name = describe(text);
  if (name.variable === Variable.HEADER) {
    const known = fields.get(name.key);
    if (known !== undefined) name = known;
    else if (Object.hasOwn(head.headers, name.key)) name.seen = serial;
  }
  if (names.size < MAX_NAMES && text.length <= MAX_NAME_LENGTH) {
    // A copy: a slice would keep the whole params of this request alive.
    names.set(Buffer.from(text, "latin1").toString("latin1"), name);
    if (name.variable === Variable.HEADER) fields.set(name.key, name);
  }
  return name;
}

function describe(text: string): Name {
  if (text === "HTTP_TRANSFER_ENCODING") {
    return { variable: Variable.TRANSFER_ENCODING, raw: "", key: "", repeat: Repeat.JOIN, seen: 0 };
  }
  if (text === "CONTENT_TYPE" || text === "CONTENT_LENGTH") {
    const key = text.toLowerCase().replace("_", "-");
    return { variable: Variable[text], raw: capitalise(key), key, repeat: Repeat.FIRST_WINS, seen: 0 };
  }
  if (text.startsWith("HTTP_") && text.length > 5) {
    // The field name itself comes as one spelling only: RFC 3875, 4.1.18 folds case and dashes.
    const key = text.slice(5).replaceAll("_", "-").toLowerCase();
    const isDropped =
      key === "proxy" || key === "content-length" || key === "content-type" || key === "__proto__";
    const repeat =
      key === "cookie"
        ? Repeat.COOKIE
        : key === "set-cookie"
          ? Repeat.LIST
          : FIRST_WINS.has(key)
            ? Repeat.FIRST_WINS
            : Repeat.JOIN;
    const variable = isDropped ? Variable.IGNORED : Variable.HEADER;
    return { variable, raw: capitalise(key), key, repeat, seen: 0 };
  }
  const variable = Object.hasOwn(Variable, text) ? Variable[text as keyof typeof Variable] : Variable.IGNORED;
  const isReal = variable > Variable.HEADER && variable < Variable.TRANSFER_ENCODING;
  return { variable: isReal ? variable : Variable.IGNORED, raw: "", key: "", repeat: Repeat.JOIN, seen: 0 };
}

function capitalise(key: string): string {
  return key.replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase());
}

function finish(request: RequestHead): void {
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
