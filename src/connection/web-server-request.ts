import { type InputStreamType, type ProtocolStatus, RecordType, type Role } from "../protocol/constants.ts";

/** What a {@link WebServerConnection} calls, always from within `push()`. `R` is the caller's request. */
export interface WebServerHandler<R> {
  /** Part of FCGI_STDOUT: a view of the chunk that was pushed. */
  onStdout(request: R, content: Buffer): void;
  /** Part of FCGI_STDERR: a view of the chunk that was pushed. */
  onStderr(request: R, content: Buffer): void;
  /** FCGI_END_REQUEST of a request that was not aborted. */
  onEnd(request: R, appStatus: number, protocolStatus: ProtocolStatus): void;
  /** FCGI_END_REQUEST of an aborted request. */
  onAbortConfirmed(request: R): void;
  /** FCGI_GET_VALUES_RESULT; empty if the application does not know FCGI_GET_VALUES. */
  onValues(values: Map<string, string>): void;
}

/** How a request begins. */
export interface BeginRequest {
  readonly role: Role;
  /** Asks the application to leave the connection open. */
  readonly keepConn: boolean;
  /** Meta-variables, encoded as name-value pairs. */
  readonly params: Uint8Array;
}

/** State of a request between FCGI_BEGIN_REQUEST and FCGI_END_REQUEST. */
export class OpenRequest<R> {
  readonly request: R;
  /** The application has sent a record for it. */
  hasBegun = false;
  isAborted = false;
  #stdinEnded = false;
  #stdoutEnded = false;
  #stderrEnded = false;

  constructor(request: R) {
    this.request = request;
  }

  /** Whether a stream may still be sent to the application. */
  accepts(type: InputStreamType): boolean {
    return !this.isAborted && !(type === RecordType.STDIN && this.#stdinEnded);
  }

  /** Notes the end of a stream that was sent to the application. */
  endInput(type: InputStreamType): void {
    if (type === RecordType.STDIN) this.#stdinEnded = true;
  }

  /** Notes the end of a stream that the application sends. */
  endOutput(type: number): void {
    if (type === RecordType.STDOUT) this.#stdoutEnded = true;
    else this.#stderrEnded = true;
  }

  /** Whether the application has ended a stream that it sends. */
  hasEnded(type: number): boolean {
    return type === RecordType.STDOUT ? this.#stdoutEnded : this.#stderrEnded;
  }
}
