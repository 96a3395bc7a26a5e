import type { Readable, Writable } from "node:stream";
import type { Params } from "./params.ts";

/** What a web server asks of the application (FastCGI 1.0, section 6); over plain CGI and HTTP always `responder`. */
export type CGIRole = "responder" | "authorizer" | "filter";

/** A request as CGI has it: variables and streams. */
export interface CGIRequest {
  readonly role: CGIRole;
  /** The meta-variables; the object has no prototype, so that any name is harmless. */
  readonly params: Params;
  /** The body. */
  readonly stdin: Readable;
  /** The file to be filtered, in the Filter role; empty in others. */
  readonly data: Readable;
  /** Takes the CGI answer: a head, an empty line, the body. */
  readonly stdout: Writable;
  /** Goes to the error log of the web server; over plain HTTP to that of the process. */
  readonly stderr: Writable;
  /** Aborts when the browser or the web server gives up before the answer is complete. */
  readonly signal: AbortSignal;
}
