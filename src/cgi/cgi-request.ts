import type { Readable, Writable } from "node:stream";
import type { Params } from "./params.ts";

/**
 * The role of the application in a request. Over plain CGI and HTTP it is always `"responder"`.
 *
 * @see FastCGI 1.0, section 6
 */
export type CGIRole = "responder" | "authorizer" | "filter";

/** A request in terms of CGI: meta-variables and streams. */
export interface CGIRequest {
  /** The role that the web server requests. */
  readonly role: CGIRole;
  /** The meta-variables, decoded. The object has no prototype. */
  readonly params: Params;
  /** The request body. */
  readonly stdin: Readable;
  /** The file to filter. Empty unless the role is `"filter"`. */
  readonly data: Readable;
  /** The CGI response: a head, an empty line, the body. */
  readonly stdout: Writable;
  /** The error log of the web server; over plain HTTP the stderr of the process. */
  readonly stderr: Writable;
  /** Aborted if the client or the web server goes away before the response is complete. */
  readonly signal: AbortSignal;
}
