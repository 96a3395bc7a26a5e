import { maxHeaderSize, type ServerOptions } from "node:http";
import { type ForwardedPolicy, readForwarded } from "../cgi/forwarded.ts";
import type { HeadLimits } from "../cgi/read-request-head.ts";
import type { AllowedAddresses } from "../listen/allowed-addresses.ts";
import { argumentError, describeValue } from "../listen/argument-error.ts";
import type { Roles } from "./routing.ts";

/**
 * Options of a FastCGI server: those of `http.createServer()`, and these. Times are milliseconds, lengths bytes. Every
 * limit has a default; 0 switches a timeout off.
 */
export interface FastCGIServerOptions extends ServerOptions {
  /**
   * Length of the request target and of the names and values of the header fields together, counted as node:http
   * does. A request that reaches it gets 431. 0 means the default.
   * @defaultValue `http.maxHeaderSize`: 16384, or Node's `--max-http-header-size`
   */
  maxHeaderSize?: number | undefined;
  /**
   * Length of FCGI_PARAMS of one request. A request that exceeds it gets 431; beyond four times as much, the connection
   * is destroyed.
   * @defaultValue 262144, or sixteen times `maxHeaderSize` if that is more: a long request target is sent in several
   *   variables
   */
  maxParamsLength?: number | undefined;
  /**
   * Name-value pairs of one request, header fields included. A request that exceeds it gets 431.
   * @defaultValue 1000
   */
  maxParams?: number | undefined;
  /**
   * Open requests of one connection. Further requests are refused by FCGI_END_REQUEST with OVERLOADED. 1 switches
   * multiplexing off: FCGI_GET_VALUES then reports it, and a second request is refused with CANT_MPX_CONN.
   *
   * Also limits requests after their response whose body is still to come: so many per connection, and so many of the
   * whole server whose body is not read, with params of at most four times `maxParamsLength` together. Beyond it the
   * oldest is aborted: its `req` emits `aborted` and `close`.
   * @defaultValue 100
   */
  maxRequestsPerConnection?: number | undefined;
  /**
   * Open requests of the server. Further requests get 503. A request whose application reads the body after the
   * response is open until the body ends. In addition, so many requests may wait for the first byte of a body of
   * unknown length before the application sees them; beyond it the oldest of them gets 503.
   * @defaultValue 10000
   */
  maxRequests?: number | undefined;
  /**
   * STDIN that is buffered for one request on a connection that may carry others (FCGI_KEEP_CONN). Each record counts
   * 200 bytes more, for its memory. Beyond it, reading the connection pauses for all of its requests. Without
   * FCGI_KEEP_CONN, reading pauses at Node's high-water mark. STDIN and FCGI_DATA that arrive before the end of
   * FCGI_PARAMS have this limit, too; beyond it the connection is destroyed.
   * @defaultValue 524288
   */
  maxBufferedStdin?: number | undefined;
  /**
   * Output of one connection, control records included, that is buffered until the web server reads it, and the most
   * that is handed to the operating system at a time. Beyond it, no further request or control record is read until the
   * output has left. At least the connection's high-water mark.
   * @defaultValue 1048576
   */
  maxOutputLength?: number | undefined;
  /**
   * Time from the start of a connection to its first request; then the connection is destroyed.
   * @defaultValue 10000
   */
  beginTimeout?: number | undefined;
  /**
   * Time from FCGI_BEGIN_REQUEST to the end of FCGI_PARAMS.
   * @defaultValue 30000, or `requestTimeout` if that is less
   */
  headersTimeout?: number | undefined;
  /**
   * Time without progress of a body that the application wants to read, of a body whose first byte is awaited, or of a
   * body after the response; also of FCGI_DATA.
   * @defaultValue 60000
   */
  stdinTimeout?: number | undefined;
  /**
   * Time from FCGI_BEGIN_REQUEST to the end of the body.
   * @defaultValue 300000
   */
  requestTimeout?: number | undefined;
  /**
   * Time after which an idle connection is closed. Off by default, because a web server that sends a request at that
   * moment responds with 502.
   * @defaultValue 0
   */
  keepAliveTimeout?: number | undefined;
  /**
   * Time for which the rest of a body is read and dropped after an early response without FCGI_KEEP_CONN, counted from
   * the moment when the response has left. Each 16,384 bytes of the body extend it by a second, up to `requestTimeout`
   * in all: so a client that uploads at 130 kbit/s or faster gets its response behind Caddy 2.6, which reads none
   * before it has written the whole body. Does not apply to a body that the application reads.
   * @defaultValue 1000
   */
  lingerTimeout?: number | undefined;
  /**
   * Length of the rest of a body that is dropped at once after an early response. More stays unread until the end of
   * `lingerTimeout`.
   * @defaultValue 67108864
   */
  lingerLength?: number | undefined;
  /**
   * Time that `close()` gives open requests to finish; then they are aborted.
   * @defaultValue 0, no limit
   */
  shutdownTimeout?: number | undefined;
  /**
   * Functions for the Authorizer and the Filter role. A request in a role without a function is refused with
   * UNKNOWN_ROLE.
   * @defaultValue none: Responder only
   * @see FastCGI 1.0, sections 6.3 and 6.4
   */
  roles?: Roles | undefined;
  /**
   * Path prefix at which the application is mounted, for instance `/app`. It is removed from `req.url`;
   * `req.baseUrl` and `req.originalUrl` are set as by an Express mount. Requests outside of it get 404. `script-name`
   * uses SCRIPT_NAME as the prefix if REQUEST_URI begins with it.
   * @defaultValue none: `req.url` is the whole request target
   */
  mount?: string | undefined;
  /**
   * Policy for header fields in which a proxy describes its client, and which a client can forge: X-Forwarded-*,
   * Forwarded, X-Real-IP, X-Client-IP, X-Cluster-Client-IP, Client-IP.
   * - `drop` removes them; `req.socket` has address, protocol and port from the web server itself.
   * - `set` sets X-Forwarded-For, -Proto, -Host, -Port and X-Real-IP from that, and removes the others.
   * - `pass` leaves them as received: only for a web server that sets all of them that the application reads.
   * @defaultValue "drop"
   */
  forwarded?: "drop" | "set" | "pass" | undefined;
  /**
   * Addresses and networks from which web servers may connect over TCP. Other connections are closed, also those that
   * were reset before their address was known. The environment variable FCGI_WEB_SERVER_ADDRS restricts them further.
   * Does not apply to unix sockets, nor to streams that are no `net.Socket` and passed to `emit("connection")`.
   * @defaultValue all
   */
  allowedAddresses?: AllowedAddresses | undefined;
  /**
   * Whether errors of the application are logged if `requestError` has no listener: to stderr of the process and, with
   * method and URL, to the web server's error log (FCGI_STDERR; not to HAProxy 2, which may crash on it). Can be
   * changed later, as a property of the server.
   * @defaultValue true
   */
  logErrors?: boolean | undefined;
  /**
   * Interval at which timeouts are checked; it is their precision.
   * @defaultValue 1000
   */
  connectionsCheckingInterval?: number | undefined;
}

/** Requires every option that is not node:http's. */
type OptionTable = Record<Exclude<keyof FastCGIServerOptions, keyof ServerOptions>, NumberOption | null> &
  Partial<Record<keyof FastCGIServerOptions, NumberOption | null>>;

interface NumberOption {
  readonly default: number;
  /** 0 if it is missing. */
  readonly least?: number;
}

/** The options that are not node:http's alone: defaults and least values of numbers; null for other kinds. */
const OPTIONS = {
  maxHeaderSize: { default: 0 },
  maxParamsLength: { default: 262144, least: 1 },
  maxParams: { default: 1000, least: 1 },
  maxRequestsPerConnection: { default: 100, least: 1 },
  maxRequests: { default: 10000, least: 1 },
  maxBufferedStdin: { default: 524288 },
  maxOutputLength: { default: 1048576, least: 1 },
  beginTimeout: { default: 10000 },
  headersTimeout: { default: 30000 },
  stdinTimeout: { default: 60000 },
  requestTimeout: { default: 300000 },
  keepAliveTimeout: { default: 0 },
  lingerTimeout: { default: 1000 },
  lingerLength: { default: 67108864 },
  shutdownTimeout: { default: 0 },
  connectionsCheckingInterval: { default: 1000 },
  roles: null,
  mount: null,
  forwarded: null,
  allowedAddresses: null,
  logErrors: null,
} as const;

type NumberName = {
  [name in keyof typeof OPTIONS]: (typeof OPTIONS)[name] extends null ? never : name;
}[keyof typeof OPTIONS];

/** The numeric options, with defaults filled in. */
export type ServerSettings = { readonly [name in NumberName]: number };

/** Names of the options above. */
export const FASTCGI_OPTIONS: readonly string[] = Object.keys(OPTIONS);

/**
 * Checks the numeric options and fills in the defaults.
 *
 * @throws TypeError with `ERR_INVALID_ARG_TYPE` if a value is not a number
 * @throws RangeError with `ERR_OUT_OF_RANGE` if it is less than 0, or than 1 for a limit that cannot be 0
 */
export function readOptions(options: FastCGIServerOptions): ServerSettings {
  const settings = {} as Record<NumberName, number>;
  const table: OptionTable = OPTIONS;
  for (const [name, option] of Object.entries(table) as [NumberName, NumberOption | null][]) {
    if (option !== null) settings[name] = readNumber(name, options[name], option);
  }
  // As in node:http: 0 checks as often as possible, and the time for the head is part of that for the request.
  settings.connectionsCheckingInterval ||= 1;
  if (options.headersTimeout === undefined && settings.requestTimeout > 0)
    settings.headersTimeout = Math.min(settings.headersTimeout, settings.requestTimeout);
  settings.maxHeaderSize ||= maxHeaderSize;
  if (options.maxParamsLength === undefined)
    settings.maxParamsLength = Math.max(settings.maxParamsLength, settings.maxHeaderSize * 16);
  return settings;
}

function readNumber(name: string, value: unknown, option: NumberOption): number {
  if (value === undefined) return option.default;
  const { least = 0 } = option;
  const message = `option ${name} is ${describeValue(value)}, not a number from ${least} on`;
  if (typeof value !== "number") throw argumentError("ERR_INVALID_ARG_TYPE", message);
  if (Number.isNaN(value) || value < least) throw argumentError("ERR_OUT_OF_RANGE", message);
  return value;
}

/**
 * Returns the limits and policies for reading the head of a request.
 *
 * @throws TypeError with `ERR_INVALID_ARG_VALUE` if `forwarded` is not one of its values
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
