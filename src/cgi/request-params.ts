import type { IncomingMessage } from "node:http";
import { HOP_BY_HOP_FIELDS } from "./hop-by-hop.ts";

/** One meta-variable; the value is Latin-1, one character per byte. Names may repeat. */
export type Param = readonly [name: string, value: string];

/**
 * The part of an `IncomingMessage` from which meta-variables are made. Express and Connect keep the whole target in
 * `originalUrl`.
 */
export interface MountedRequest
  extends Pick<IncomingMessage, "method" | "url" | "httpVersion" | "headers" | "rawHeaders" | "socket"> {
  /** The whole request target, where a router has shortened `url`. */
  readonly originalUrl?: string;
  /** The path that a router of Express is mounted at. */
  readonly baseUrl?: string;
}

/** Options for the meta-variables of a request. */
export interface SiteOptions {
  /**
   * Folder of the scripts on the machine of the application, for PHP. The path of a request is split after its first
   * segment that ends in `.php`: SCRIPT_NAME is the first part, SCRIPT_FILENAME that part below the folder, PATH_INFO
   * the rest. A path without such a segment stands for `index.php` in its folder.
   */
  documentRoot?: string | undefined;
  /** Absolute path of one script for all requests (a front controller). */
  scriptFilename?: string | undefined;
  /**
   * Whether requests arrive over TLS, for gateways behind a proxy that terminates TLS.
   *
   * @defaultValue whether the socket of the request is a TLS socket
   */
  https?: boolean | undefined;
  /**
   * Additional meta-variables, as an object or as a function of the request. They replace variables of the same name;
   * `undefined` removes one.
   */
  params?: ExtraParams | ((req: MountedRequest) => ExtraParams) | undefined;
}

/** Meta-variables by name. Strings are sent as UTF-8. */
export type ExtraParams = Readonly<Record<string, string | undefined>>;

/** Fields with a variable of another name, and `Proxy`, which programs take for HTTP_PROXY (httpoxy). */
const OTHER_DROPPED: ReadonlySet<string> = new Set(["content-length", "content-type", "proxy"]);

/** Syntax of SERVER_NAME. The Host field comes from the client and may hold anything. */
const HOST = /^(\[[\da-fA-F:.]+\]|[\w.-]+)(?::\d*)?$/;

/**
 * Returns the meta-variables of an HTTP request, as a web server passes them to a CGI or FastCGI program.
 *
 * REQUEST_URI is the whole target as received, SCRIPT_NAME the decoded mount prefix and PATH_INFO the decoded rest.
 * Repeated header fields become repeated HTTP_* variables, as with nginx; `Cookie` is joined. `Proxy` (httpoxy),
 * hop-by-hop fields, and fields with an underscore, which would look like fields with a dash, are left out.
 * `Transfer-Encoding` is kept, because a body of unknown length has no CONTENT_LENGTH.
 *
 * @see RFC 3875, section 4.1
 */
export function writeRequestParams(req: MountedRequest, site: SiteOptions = {}): Param[] {
  const target = req.originalUrl ?? req.url ?? "/";
  const query = target.indexOf("?");
  const script = locateScript(req, pathOf(target), site);
  const { socket, headers } = req;
  const https = site.https ?? ("encrypted" in socket && socket.encrypted === true);
  const params: Param[] = [
    ["QUERY_STRING", query === -1 ? "" : target.slice(query + 1)],
    ["REQUEST_METHOD", req.method ?? "GET"],
    ["REQUEST_URI", target],
    ...script,
    ["SERVER_PROTOCOL", `HTTP/${req.httpVersion}`],
    ["REQUEST_SCHEME", https ? "https" : "http"],
    ["GATEWAY_INTERFACE", "CGI/1.1"],
    ["SERVER_SOFTWARE", "serve-fastcgi"],
    ["REMOTE_ADDR", socket.remoteAddress ?? ""],
    ["REMOTE_PORT", String(socket.remotePort ?? "")],
    ["SERVER_ADDR", socket.localAddress ?? ""],
    ["SERVER_PORT", String(socket.localPort ?? (https ? 443 : 80))],
    ["SERVER_NAME", serverName(req)],
  ];
  if (https) params.push(["HTTPS", "on"]);
  if (headers["content-type"] !== undefined) params.push(["CONTENT_TYPE", headers["content-type"]]);
  if (headers["content-length"] !== undefined && headers["transfer-encoding"] === undefined) {
    params.push(["CONTENT_LENGTH", headers["content-length"]]);
  }
  writeHeaders(req, params);
  const extra = typeof site.params === "function" ? site.params(req) : site.params;
  return extra === undefined ? params : withExtra(params, extra);
}

function writeHeaders(req: MountedRequest, params: Param[]): void {
  const { rawHeaders } = req;
  let cookie: [string, string] | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const value = rawHeaders[i + 1]!;
    if (name === ":authority") params.push(["HTTP_HOST", value]);
    if (isDropped(name) || name.includes("_") || name.startsWith(":")) continue;
    // RFC 9113, 8.3.1: :authority replaces Host.
    if (name === "host" && req.headers[":authority"] !== undefined) continue;
    if (name === "cookie" && cookie !== undefined) {
      cookie[1] += `; ${value}`;
      continue;
    }
    const param: [string, string] = [`HTTP_${name.toUpperCase().replaceAll("-", "_")}`, value];
    if (name === "cookie") cookie = param;
    params.push(param);
  }
}

function isDropped(name: string): boolean {
  if (name === "transfer-encoding") return false;
  return HOP_BY_HOP_FIELDS.has(name) || OTHER_DROPPED.has(name);
}

function serverName(req: MountedRequest): string {
  const match = HOST.exec(String(req.headers[":authority"] ?? req.headers.host ?? ""));
  if (match) return match[1]!;
  const address = req.socket.localAddress ?? "localhost";
  return address.includes(":") ? `[${address}]` : address;
}

function withExtra(params: Param[], extra: ExtraParams): Param[] {
  const kept = params.filter(([name]) => !Object.hasOwn(extra, name));
  for (const [name, value] of Object.entries(extra)) {
    if (value !== undefined) kept.push([name, bytesOf(value)]);
  }
  return kept;
}

/** Returns SCRIPT_NAME and PATH_INFO; for scripts also SCRIPT_FILENAME and DOCUMENT_ROOT. */
function locateScript(req: MountedRequest, wholePath: string, site: SiteOptions): Param[] {
  const mount = mountPrefix(req, wholePath);
  const prefix = decodePath(mount);
  // At the mount point itself Express and Connect set `url` to "/".
  const path = wholePath === mount ? "" : decodePath(pathOf(req.url ?? "/"));
  if (site.scriptFilename !== undefined) {
    const folder = site.scriptFilename.replace(/[\\/][^\\/]*$/, "");
    const script = `/${bytesOf(site.scriptFilename.slice(folder.length + 1))}`;
    const named = path === script || path.startsWith(`${script}/`);
    return [
      ["SCRIPT_NAME", prefix + script],
      ["PATH_INFO", named ? path.slice(script.length) : path],
      ["SCRIPT_FILENAME", bytesOf(site.scriptFilename)],
      ["DOCUMENT_ROOT", bytesOf(site.documentRoot ?? folder)],
      ["REDIRECT_STATUS", "200"],
    ];
  }
  if (site.documentRoot !== undefined) {
    const root = bytesOf(site.documentRoot.replace(/\/+$/, ""));
    const [script, rest] = splitScript(withoutDotSegments(path));
    return [
      ["SCRIPT_NAME", prefix + script],
      ["PATH_INFO", rest],
      ["SCRIPT_FILENAME", root + script],
      ["DOCUMENT_ROOT", root],
      // php-cgi runs no script without it.
      ["REDIRECT_STATUS", "200"],
    ];
  }
  return [
    ["SCRIPT_NAME", prefix],
    ["PATH_INFO", path],
  ];
}

function splitScript(path: string): [script: string, rest: string] {
  const match = /^.*?\.php(?=\/|$)/i.exec(path);
  if (match) return [match[0], path.slice(match[0].length)];
  return [`${path.slice(0, path.lastIndexOf("/") + 1)}index.php`, ""];
}

/** Returns the path of a request target, without query, scheme and authority. */
function pathOf(target: string): string {
  const path = target.replace(/[?#].*$/s, "").replace(/^[a-z][a-z\d+.-]*:\/\/[^/]*/i, "");
  return path === "*" ? "" : path;
}

/**
 * Returns the part of the path that Express or Connect removed at a mount point. Returns "" if middleware has rewritten
 * `url`.
 */
export function mountPrefix(req: MountedRequest, wholePath: string = pathOf(req.originalUrl ?? "/")): string {
  if (req.baseUrl !== undefined) return wholePath.startsWith(req.baseUrl) ? req.baseUrl : "";
  if (req.originalUrl === undefined) return "";
  const path = pathOf(req.url ?? "/");
  if (wholePath.endsWith(path)) return wholePath.slice(0, wholePath.length - path.length);
  return path === "/" ? wholePath : "";
}

/**
 * Decodes percent-encoded bytes to Latin-1 characters. Keeps `%00`, which C programs would read as the end of the path,
 * and invalid encodings.
 */
function decodePath(path: string): string {
  return path.replace(/%(?!00)([\da-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Removes `.` and `..` segments, so that the result stays below the root. Backslashes count as slashes. */
function withoutDotSegments(path: string): string {
  const segments: string[] = [];
  const parts = path.split(/[\\/]/);
  for (const part of parts) {
    if (part === "..") segments.pop();
    else if (part !== "." && part !== "") segments.push(part);
  }
  const isFolder = /^(|\.|\.\.)$/.test(parts.at(-1)!) && segments.length > 0;
  return `/${segments.join("/")}${isFolder ? "/" : ""}`;
}

function bytesOf(text: string): string {
  return Buffer.from(text).toString("latin1");
}
