import type { ProtocolStatus } from "./constants.ts";

/** Codes of {@link FastCGIError}; each belongs to one class. */
export type FastCGIErrorCode =
  | "ERR_FCGI_PROTOCOL"
  | "ERR_FCGI_LIMIT"
  | "ERR_FCGI_TIMEOUT"
  | "ERR_FCGI_ABORTED"
  | "ERR_FCGI_CLOSED"
  | "ERR_FCGI_REFUSED"
  | "ERR_FCGI_RESPONSE"
  | "ERR_FCGI_ADDRESS";

/**
 * Base class of the errors that the other end, not the caller, causes. A wrong argument is a `TypeError` or a
 * `RangeError` with one of Node's codes instead.
 *
 * Match on `code`, or on the subclass: each has one code.
 *
 * @example
 * ```ts
 * const client = new FastCGIClient(9000, { headersTimeout: 1000 });
 * try {
 *   await client.request({ REQUEST_METHOD: "GET", REQUEST_URI: "/" });
 * } catch (error) {
 *   if (error instanceof FastCGIError) console.log(error.code, error.message); // ERR_FCGI_CLOSED …
 * }
 * ```
 */
export abstract class FastCGIError extends Error {
  /** The code of the class. */
  abstract readonly code: FastCGIErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/**
 * The other end broke the specification: the version of a record, a record that is not allowed where it stands,
 * malformed name-value pairs, or params that are no HTTP request.
 */
export class ProtocolError extends FastCGIError {
  override readonly code = "ERR_FCGI_PROTOCOL";
}

/** A limit was exceeded: the length of params, of a buffered body, of the queue of a client. */
export class LimitError extends FastCGIError {
  override readonly code = "ERR_FCGI_LIMIT";
}

/** A time limit was exceeded: of the server, while it waited for a request; of the client, for a response. */
export class TimeoutError extends FastCGIError {
  override readonly code = "ERR_FCGI_TIMEOUT";
}

/**
 * A request was aborted before its response was complete: by FCGI_ABORT_REQUEST, by an `AbortSignal`, because its
 * body failed, or because its response was destroyed.
 */
export class RequestAbortedError extends FastCGIError {
  override readonly code = "ERR_FCGI_ABORTED";
}

/**
 * The connection was closed before the response was complete, could not be opened, or the client was closed. An
 * error of the socket is the `cause`.
 */
export class ConnectionClosedError extends FastCGIError {
  override readonly code = "ERR_FCGI_CLOSED";
}

/**
 * The application refused a request with a protocol status.
 *
 * @see FastCGI 1.0, section 5.5
 */
export class RequestRefusedError extends FastCGIError {
  override readonly code = "ERR_FCGI_REFUSED";
  /** Why: `CANT_MPX_CONN`, `OVERLOADED` or `UNKNOWN_ROLE` of {@link ProtocolStatus}. */
  readonly protocolStatus: ProtocolStatus;

  constructor(message: string, options: ErrorOptions & { readonly protocolStatus: ProtocolStatus }) {
    super(message, options);
    this.protocolStatus = options.protocolStatus;
  }
}

/**
 * The response of a CGI function or of an application is unusable: its head is malformed or too long, its body is
 * longer or shorter than its Content-Length or ends with an error status, or it redirects without end.
 */
export class ResponseError extends FastCGIError {
  override readonly code = "ERR_FCGI_RESPONSE";
}

/** A connection came from an address that is not in `allowedAddresses` or FCGI_WEB_SERVER_ADDRS. */
export class AddressError extends FastCGIError {
  override readonly code = "ERR_FCGI_ADDRESS";
}
