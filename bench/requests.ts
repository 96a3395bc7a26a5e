import {
  encodeBeginRequest,
  encodeNameValuePairs,
  encodeRecord,
  encodeStream,
  encodeStreamEnd,
  KEEP_CONN,
  RecordType,
  Role,
} from "../src/protocol/index.ts";

/** A request, to be sent over FastCGI and over HTTP. */
export interface BenchRequest {
  readonly method?: string;
  readonly url?: string;
  /** Header fields as the web server received them. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body?: Buffer;
  /** Length of a body that the load generator makes up while it sends. */
  readonly bodyLength?: number;
  /** Whether to leave out all params but those that no request can do without. */
  readonly isBare?: boolean;
  /** Further params that are no header fields: FastCGI only. */
  readonly params?: readonly (readonly [name: string, value: string])[];
}

/** Fields of a small client. */
export const SIX_FIELDS: BenchRequest["fields"] = [
  ["Host", "www.example.com"],
  ["User-Agent", "curl/8.5.0"],
  ["Accept", "*/*"],
  ["Accept-Language", "en"],
  ["Accept-Encoding", "gzip"],
  ["Connection", "keep-alive"],
];

/** Fields of a browser that follows a link: 20 of them, about 1.1 KB. */
export const BROWSER_FIELDS: BenchRequest["fields"] = [
  ["Host", "www.example.com"],
  ["Connection", "keep-alive"],
  ["Cache-Control", "max-age=0"],
  ["sec-ch-ua", '"Chromium";v="141", "Not?A_Brand";v="8", "Google Chrome";v="141"'],
  ["sec-ch-ua-mobile", "?0"],
  ["sec-ch-ua-platform", '"Linux"'],
  ["Upgrade-Insecure-Requests", "1"],
  [
    "User-Agent",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
  ],
  [
    "Accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
  ],
  ["Sec-Fetch-Site", "same-origin"],
  ["Sec-Fetch-Mode", "navigate"],
  ["Sec-Fetch-User", "?1"],
  ["Sec-Fetch-Dest", "document"],
  ["Referer", "https://www.example.com/catalogue/books?page=2&sort=title"],
  ["Accept-Encoding", "gzip, deflate, br, zstd"],
  ["Accept-Language", "en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7"],
  ["Cookie", "session=6f1ed002ab5595859014ebf0951522d9; theme=dark; consent=a1b2c3d4e5; _ga=GA1.2.1234.5678"],
  ["If-None-Match", 'W/"2a-mJv8Kq3o8Rr0TtXz9BcD1efGhIj"'],
  ["DNT", "1"],
  ["Priority", "u=0, i"],
];

/** The browser's fields and 40 more, as chains of proxies and single sign-on add them. */
export const SIXTY_FIELDS: BenchRequest["fields"] = [
  ...BROWSER_FIELDS,
  ...Array.from(
    { length: 40 },
    (_, index) => [`X-Gateway-Property-${index}`, `value-${index}-of-the-gateway`] as const,
  ),
];

/** Content that a request made up by the load generator repeats. */
export const BODY_PIECE_LENGTH = 65_528;

/** Encodes what goes over a FastCGI connection, as nginx frames it; without a body that is made up later. */
export function encodeFastCGI(request: BenchRequest, keepConn: boolean): Buffer {
  const buffers: Uint8Array[] = [encodeBeginRequest(1, Role.RESPONDER, keepConn ? KEEP_CONN : 0)];
  buffers.push(...encodeStream(RecordType.PARAMS, 1, encodeNameValuePairs(paramsOf(request))));
  buffers.push(encodeStreamEnd(RecordType.PARAMS, 1));
  if (request.body !== undefined) buffers.push(...encodeStream(RecordType.STDIN, 1, request.body));
  if (request.bodyLength === undefined) buffers.push(encodeStreamEnd(RecordType.STDIN, 1));
  return Buffer.concat(buffers);
}

/** Encodes the same request for an HTTP connection. */
export function encodeHTTP(request: BenchRequest, keepAlive: boolean): Buffer {
  const { method = "GET", url = "/", body } = request;
  const fields = request.fields.filter(([name]) => name !== "Connection");
  fields.push(["Connection", keepAlive ? "keep-alive" : "close"]);
  const length = contentLength(request);
  if (length > 0) fields.push(["Content-Length", String(length)]);
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`${method} ${url} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
  return body === undefined ? head : Buffer.concat([head, body]);
}

/** Encodes one piece of a made-up body and the end of it. */
export function encodeBodyPiece(protocol: "fastcgi" | "http"): { piece: Buffer; end: Buffer } {
  const content = Buffer.alloc(BODY_PIECE_LENGTH, "x");
  if (protocol === "http") return { piece: content, end: Buffer.alloc(0) };
  return { piece: encodeRecord(RecordType.STDIN, 1, content), end: encodeStreamEnd(RecordType.STDIN, 1) };
}

function contentLength(request: BenchRequest): number {
  return request.body?.length ?? request.bodyLength ?? 0;
}

/** The 19 params of the `fastcgi_params` that comes with nginx, in its order; then the header fields. */
function paramsOf(request: BenchRequest): [string, string][] {
  const { method = "GET", url = "/" } = request;
  const [path = "/", query = ""] = url.split("?");
  const length = contentLength(request);
  const type = request.fields.find(([name]) => name === "Content-Type")?.[1] ?? "";
  const bare: [string, string][] = [
    ["REQUEST_METHOD", method],
    ["REQUEST_URI", url],
    ["SERVER_PROTOCOL", "HTTP/1.1"],
    ["REMOTE_ADDR", "192.0.2.17"],
  ];
  const whole: [string, string][] = [
    ["QUERY_STRING", query],
    ["REQUEST_METHOD", method],
    ["CONTENT_TYPE", type],
    ["CONTENT_LENGTH", length > 0 ? String(length) : ""],
    ["SCRIPT_NAME", path],
    ["REQUEST_URI", url],
    ["DOCUMENT_URI", path],
    ["DOCUMENT_ROOT", "/usr/share/nginx/html"],
    ["SERVER_PROTOCOL", "HTTP/1.1"],
    ["REQUEST_SCHEME", "https"],
    ["HTTPS", "on"],
    ["GATEWAY_INTERFACE", "CGI/1.1"],
    ["SERVER_SOFTWARE", "nginx/1.22.1"],
    ["REMOTE_ADDR", "192.0.2.17"],
    ["REMOTE_PORT", "49152"],
    ["SERVER_ADDR", "192.0.2.1"],
    ["SERVER_PORT", "443"],
    ["SERVER_NAME", "www.example.com"],
    ["REDIRECT_STATUS", "200"],
  ];
  const params = request.isBare === true ? bare : whole;
  for (const [name, value] of request.params ?? []) params.push([name, value]);
  for (const [name, value] of request.fields) {
    params.push([`HTTP_${name.toUpperCase().replaceAll("-", "_")}`, value]);
  }
  return params;
}
