import type { ProtocolStatus } from "./constants.ts";

/** Codes of the errors that the peer, not the caller, brought about. */
export type FastCGIErrorCode =
  | "ERR_FCGI_VERSION"
  | "ERR_FCGI_RECORD"
  | "ERR_FCGI_PARAMS"
  | "ERR_FCGI_LIMIT"
  | "ERR_FCGI_TIMEOUT"
  | "ERR_FCGI_HEAD"
  | "ERR_FCGI_ABORTED"
  | "ERR_FCGI_CLOSED"
  | "ERR_FCGI_REFUSED"
  | "ERR_FCGI_ADDRESS";

/** Base of all errors of the FastCGI layer: match on `code`. */
export class FastCGIError extends Error {
  readonly code: FastCGIErrorCode;
  constructor(code: FastCGIErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Says that the peer broke the specification or a limit. */
export class ProtocolError extends FastCGIError {}

/** Says that a request ended before its answer did: FCGI_ABORT_REQUEST, or the connection went. */
export class RequestAbortedError extends FastCGIError {}

/** Says that the application refused a request with a protocol status (FastCGI 1.0, 5.5). */
export class RequestRefusedError extends FastCGIError {
  readonly protocolStatus: ProtocolStatus;
  constructor(protocolStatus: ProtocolStatus, message: string) {
    super("ERR_FCGI_REFUSED", message);
    this.protocolStatus = protocolStatus;
  }
}
