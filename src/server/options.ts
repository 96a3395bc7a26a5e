import { maxHeaderSize, type ServerOptions } from "node:http";
import { type ForwardedPolicy, readForwarded } from "../cgi/forwarded.ts";
import type { HeadLimits } from "../cgi/request-head.ts";
import type { AllowedAddresses } from "../listen/allowed-addresses.ts";
import { argumentError, describeValue } from "../listen/argument-error.ts";
import type { Roles } from "./routing.ts";

/**
 * Options of a FastCGI server: those of `http.createServer()`, and these. Times are milliseconds, lengths bytes.
 *
 * Every limit has a default; 0 switches a time-out off.
 */
export interface FastCGIServerOptions extends ServerOptions {
  /**
   * Bytes of the request target and of the names and values of header fields, as node:http counts them; from so
   * many on the request is answered with 431. 0 stands for the default.
   * @defaultValue `http.maxHeaderSize`: 16384, or Node's `--max-http-header-size`
   */
  maxHeaderSize?: number | undefined;
  /**
   * Length of FCGI_PARAMS of one request in all; beyond it the request is answered with 431, beyond four times
   * as much the connection is destroyed.
   * @defaultValue 262144, or sixteen times `maxHeaderSize` if that is more: a long request target comes in several
   *   variables
   */
  maxParamsLength?: number | undefined;
  /**
   * Name-value pairs of one request, header fields included; beyond it the answer is 431.
   * @defaultValue 1000
   */
  maxParams?: number | undefined;
  /**
   * Requests that one connection may have open; beyond it FCGI_END_REQUEST with OVERLOADED. 1 switches
   * multiplexing off: FCGI_GET_VALUES then says so, and a second request gets CANT_MPX_CONN.
   *
   * As many answered requests of a connection may have STDIN to come, and as many of the whole server that nobody
   * reads, with params of no more than four times `maxHeaderSize` in all; beyond it the oldest is given up: its `req`
   * emits `aborted` and `close`.
   * @defaultValue 100
   */
  maxRequestsPerConnection?: number | undefined;
  /**
   * Requests that the server may have open; beyond it they are answered with 503. One whose application reads its
   * body after the response is open until that has ended. As many more may wait for the first byte of a body whose
   * length is not given, which no application has seen yet; beyond it the oldest of these is answered with 503.
   * @defaultValue 10000
   */
  maxRequests?: number | undefined;
  /**
   * STDIN that a request may hold unread where its connection may carry others (FCGI_KEEP_CONN), in bytes, each
   * record counted with 200 more, which it takes in memory; beyond it the connection is paused for all of them.
   * Without FCGI_KEEP_CONN it is paused at Node's own high-water mark. STDIN and FCGI_DATA before the end of
   * FCGI_PARAMS are held up to this, too; beyond it the connection is destroyed.
   * @defaultValue 524288
   */
  maxBufferedStdin?: number | undefined;
  /**
   * Output of one connection that is handed to the operating system at a time, and that may wait for the web server
   * to take it, control records included: beyond it no further request or control record is read until it has left.
   * It is never less than the connection's high-water mark.
   * @defaultValue 1048576
   */
  maxOutputLength?: number | undefined;
  /**
   * Time from the start of a connection to its first request.
   * @defaultValue 10000
   */
  beginTimeout?: number | undefined;
  /**
   * Time from FCGI_BEGIN_REQUEST to the end of FCGI_PARAMS.
   * @defaultValue 30000
   */
  headersTimeout?: number | undefined;
  /**
   * Time without any progress of a body that the application wants to read, or of one whose first byte is awaited,
   * or whose request is answered; of FCGI_DATA, too.
   * @defaultValue 60000
   */
  stdinTimeout?: number | undefined;
  /**
   * Time from FCGI_BEGIN_REQUEST to the end of the body.
   * @defaultValue 300000
   */
  requestTimeout?: number | undefined;
  /**
   * Time after which an idle kept connection is closed. The default is never: a web server that uses the
   * connection at that very moment would answer 502.
   * @defaultValue 0
   */
  keepAliveTimeout?: number | undefined;
  /**
   * Time in which the rest of a body is read and thrown away, after an early response without FCGI_KEEP_CONN, from
   * the moment when the response has left. It is absolute, but for an upload that goes on: each 16,384 bytes of it
   * give a second more, up to `requestTimeout` in all. A client that uploads at 130 kbit/s or faster thus gets its
   * response behind Caddy 2.6, which reads none before it has written the whole body, while who sends a byte now and
   * then is cut off after `lingerTimeout`. Does not apply to what the application itself reads on.
   * @defaultValue 1000
   */
  lingerTimeout?: number | undefined;
  /**
   * Length of the rest of a body that is thrown away at once after an early answer; what goes beyond it waits
   * for the end of `lingerTimeout`. Caddy 2.6 reads no answer before it has written the whole body.
   * @defaultValue 67108864
   */
  lingerLength?: number | undefined;
  /**
   * Time that `close()` lets the open requests finish; then they are aborted.
   * @defaultValue 0, no limit
   */
  shutdownTimeout?: number | undefined;
  /**
   * Functions for the Authorizer and the Filter role (FastCGI 1.0, 6.3 and 6.4). Requests in a role that is not
   * here are refused with UNKNOWN_ROLE.
   * @defaultValue none: Responder only
   */
  roles?: Roles | undefined;
  /**
   * Prefix that the application is mounted at, for instance `/app`: `req.url` comes without it, `req.baseUrl` and
   * `req.originalUrl` are as of an Express mount, and what is not below it is answered with 404. `script-name`
   * takes SCRIPT_NAME for the prefix where it is one of REQUEST_URI.
   * @defaultValue none: `req.url` is the whole request target
   */
  mount?: string | undefined;
  /**
   * What becomes of the header fields in which a proxy tells of its client, and which a client can forge:
   * X-Forwarded-*, Forwarded, X-Real-IP, X-Client-IP, X-Cluster-Client-IP, Client-IP. `drop` keeps them from the
   * application, as they are not needed: `req.socket` has the web server's own word. `set` puts that word into
   * X-Forwarded-For, -Proto, -Host and -Port and into X-Real-IP, for programs that want the fields. `pass` leaves
   * what comes: for a web server that sets all of these that the application reads.
   * @defaultValue "drop"
   */
  forwarded?: "drop" | "set" | "pass" | undefined;
  /**
   * Addresses and networks from which web servers may connect over TCP; the others' connections are closed. The
   * environment variable FCGI_WEB_SERVER_ADDRS restricts them further. A TCP connection without an address, because
   * its peer has reset it, is closed, too. Not asked for an address are unix sockets, and what a program passes to
   * `emit("connection")` itself, if it is no `net.Socket`.
   * @defaultValue all
   */
  allowedAddresses?: AllowedAddresses | undefined;
  /**
   * Whether an error of the application that no `requestError` listener hears is written to the stderr of the
   * process and, with method and URL, to the web server's error log (FCGI_STDERR; not to HAProxy 2, which may crash
   * on it). It can be changed later, as a property of the server.
   * @defaultValue true
   */
  logErrors?: boolean | undefined;
  /**
   * How often the time-outs above are looked at: they are exact to this.
   * @defaultValue 1000
   */
  connectionsCheckingInterval?: number | undefined;
}

/** Options with their defaults. */
export interface ServerSettings {
  readonly maxHeaderSize: number;
  readonly maxParamsLength: number;
  readonly maxParams: number;
  readonly maxRequestsPerConnection: number;
  readonly maxRequests: number;
  readonly maxBufferedStdin: number;
  readonly maxOutputLength: number;
  readonly beginTimeout: number;
  readonly headersTimeout: number;
  readonly stdinTimeout: number;
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  readonly lingerTimeout: number;
  readonly lingerLength: number;
  readonly shutdownTimeout: number;
  readonly connectionsCheckingInterval: number;
}

const DEFAULTS: ServerSettings = {
  maxHeaderSize: 0,
  maxParamsLength: 262144,
  maxParams: 1000,
  maxRequestsPerConnection: 100,
  maxRequests: 10000,
  maxBufferedStdin: 524288,
  maxOutputLength: 1048576,
  beginTimeout: 10000,
  headersTimeout: 30000,
  stdinTimeout: 60000,
  requestTimeout: 300000,
  keepAliveTimeout: 0,
  lingerTimeout: 1000,
  lingerLength: 67108864,
  shutdownTimeout: 0,
  connectionsCheckingInterval: 1000,
};

/** Options that are of no use below 1. */
const POSITIVE: ReadonlySet<string> = new Set([
  "maxParamsLength",
  "maxParams",
  "maxRequestsPerConnection",
  "maxRequests",
  "maxOutputLength",
]);

/** Options of a FastCGI server that are no numbers, and none of node:http's. */
const OTHERS: Record<
  Exclude<keyof FastCGIServerOptions, keyof ServerOptions | keyof ServerSettings>,
  true
> = { roles: true, mount: true, allowedAddresses: true, forwarded: true, logErrors: true };

/** Names of the options that a FastCGI server has, and node:http may have, too. */
export const FASTCGI_OPTIONS: readonly string[] = [...Object.keys(DEFAULTS), ...Object.keys(OTHERS)];

/**
 * Fills in the defaults.
 *
 * @throws TypeError with `ERR_INVALID_ARG_TYPE` if a value is no number; RangeError with `ERR_OUT_OF_RANGE` if it is
 *   negative, or 0 where that makes no sense
 */
export function readOptions(options: FastCGIServerOptions): ServerSettings {
  const settings: Record<string, number> = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof ServerSettings)[]) {
    const value: unknown = options[name];
    if (value === undefined) continue;
    const least = POSITIVE.has(name) ? 1 : 0;
    const message = `option ${name} is ${describeValue(value)}, not a number from ${least} on`;
    if (typeof value !== "number") throw argumentError("ERR_INVALID_ARG_TYPE", message);
    if (Number.isNaN(value) || value < least) throw argumentError("ERR_OUT_OF_RANGE", message);
    settings[name] = value;
  }
  // As in node:http, where 0 is as often as possible, and where the time for the head lies within that for all.
  settings.connectionsCheckingInterval ||= 1;
  if (options.headersTimeout === undefined && settings.requestTimeout! > 0)
    settings.headersTimeout = Math.min(settings.headersTimeout!, settings.requestTimeout!);
  settings.maxHeaderSize ||= maxHeaderSize;
  settings.maxParamsLength =
    options.maxParamsLength ?? Math.max(DEFAULTS.maxParamsLength, settings.maxHeaderSize * 16);
  return settings as unknown as ServerSettings;
}

/**
 * Takes the limits and rules for reading the head of a request from the options of a server.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE` if `forwarded` is none of its values
 */
export function readHeadLimits(options: FastCGIServerOptions, settings: ServerSettings): HeadLimits {
  const forwarded: ForwardedPolicy = readForwarded(options.forwarded);
  return {
    maxPairs: settings.maxParams,
    maxHeaderSize: settings.maxHeaderSize,
    joinDuplicateHeaders: options.joinDuplicateHeaders ?? false,
    forwarded,
  };
}
