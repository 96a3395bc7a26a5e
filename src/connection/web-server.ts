import {
  KEEP_CONN,
  MAX_REQUEST_ID,
  NULL_REQUEST_ID,
  ProtocolStatus,
  RecordType,
  type Role,
} from "../protocol/constants.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { decodeNameValuePairs, encodeNameValuePairs } from "../protocol/name-value.ts";
import {
  encodeAbortRequest,
  encodeBeginRequest,
  encodeRecord,
  encodeStream,
  encodeStreamEnd,
} from "../protocol/record.ts";
import { RecordReader, type RecordSink } from "../protocol/record-reader.ts";

/** What a {@link WebServerConnection} calls, always from within `push()`. `R` is the caller's request. */
export interface WebServerHandler<R> {
  /** Part of FCGI_STDOUT: a view of the chunk that was pushed. */
  onStdout(request: R, content: Buffer): void;
  /** Part of FCGI_STDERR: a view of the chunk that was pushed. */
  onStderr(request: R, content: Buffer): void;
  /** FCGI_END_REQUEST: the request's id is free from now on. */
  onEnd(request: R, appStatus: number, protocolStatus: ProtocolStatus): void;
  /** FCGI_GET_VALUES_RESULT. */
  onValues(values: Map<string, string>): void;
}

/** What begins a request. */
export interface BeginRequest {
  readonly role: Role;
  /** Asks the application to leave the connection open. */
  readonly keepConn: boolean;
  /** Meta-variables; strings are sent as UTF-8. */
  readonly params: Iterable<readonly [name: string, value: string | Uint8Array]>;
}

interface OpenRequest<R> {
  readonly request: R;
  stdinEnded: boolean;
  stdoutEnded: boolean;
  stderrEnded: boolean;
  aborted: boolean;
}

const PROTOCOL_STATUSES: ReadonlySet<number> = new Set(Object.values(ProtocolStatus));

/**
 * The web server's side of one FastCGI connection, without I/O.
 *
 * Takes the bytes of the application with {@link push} and tells the handler what they say; its other methods
 * return the bytes to be written, in order. Content is passed on as it arrives; only the records that must be
 * read as a whole are gathered (FCGI_END_REQUEST, FCGI_GET_VALUES_RESULT: 65,535 bytes at most). Several
 * requests can be open at once; whether the application allows that is for the caller to know.
 *
 * @see FastCGI 1.0, sections 3 to 5
 */
export class WebServerConnection<R> implements RecordSink {
  readonly #handler: WebServerHandler<R>;
  readonly #reader: RecordReader = new RecordReader(this);
  readonly #open: Map<number, OpenRequest<R>> = new Map();
  #type = 0;
  #requestId = 0;
  /** Content of the present record, for the types that are read as a whole. */
  #gathered: Buffer[] = [];

  constructor(handler: WebServerHandler<R>) {
    this.#handler = handler;
  }

  /** Number of requests begun and not ended, aborted ones included. */
  get openRequests(): number {
    return this.#open.size;
  }

  /**
   * Takes the next bytes of the application.
   *
   * @throws ProtocolError if they are not what an application may send; the connection is then to be destroyed
   */
  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  /**
   * Begins a request under the lowest free id; the bytes hold its params to their end.
   *
   * @throws RangeError if all 65,535 ids are in use
   */
  begin(request: R, { role, keepConn, params }: BeginRequest): { requestId: number; bytes: Uint8Array[] } {
    let requestId = 1;
    while (this.#open.has(requestId)) requestId++;
    if (requestId > MAX_REQUEST_ID)
      throw new RangeError("all 65535 request ids of the connection are in use");
    const bytes = [
      encodeBeginRequest(requestId, role, keepConn ? KEEP_CONN : 0),
      ...encodeStream(RecordType.PARAMS, requestId, encodeNameValuePairs(params)),
      encodeStreamEnd(RecordType.PARAMS, requestId),
    ];
    this.#open.set(requestId, {
      request,
      stdinEnded: false,
      stdoutEnded: false,
      stderrEnded: false,
      aborted: false,
    });
    return { requestId, bytes };
  }

  /** Encodes part of FCGI_STDIN or FCGI_DATA; nothing if the request ended or was aborted. */
  stream(type: 5 | 8, requestId: number, content: Uint8Array): Uint8Array[] {
    const open = this.#open.get(requestId);
    if (!open || open.aborted || (type === RecordType.STDIN && open.stdinEnded)) return [];
    return encodeStream(type, requestId, content);
  }

  /** Encodes the end of FCGI_STDIN or FCGI_DATA; nothing if the request ended or was aborted. */
  streamEnd(type: 5 | 8, requestId: number): Uint8Array[] {
    const open = this.#open.get(requestId);
    if (!open || open.aborted || (type === RecordType.STDIN && open.stdinEnded)) return [];
    if (type === RecordType.STDIN) open.stdinEnded = true;
    return [encodeStreamEnd(type, requestId)];
  }

  /**
   * Aborts a request: the handler hears no more of it. Its id stays in use until the application confirms with
   * FCGI_END_REQUEST.
   *
   * @see FastCGI 1.0, section 5.4
   */
  abort(requestId: number): Uint8Array[] {
    const open = this.#open.get(requestId);
    if (!open || open.aborted) return [];
    open.aborted = true;
    return [encodeAbortRequest(requestId)];
  }

  /**
   * Encodes FCGI_GET_VALUES.
   *
   * @throws RangeError if the names are over 65,535 bytes
   * @see FastCGI 1.0, section 4.1
   */
  getValues(names: Iterable<string>): Uint8Array[] {
    const pairs = Array.from(names, (name) => [name, ""] as const);
    return [encodeRecord(RecordType.GET_VALUES, NULL_REQUEST_ID, encodeNameValuePairs(pairs))];
  }

  /** Is called by the reader of records. */
  onHeader(type: number, requestId: number, contentLength: number): void {
    this.#type = type;
    this.#requestId = requestId;
    switch (type) {
      case RecordType.STDOUT:
      case RecordType.STDERR:
        if (contentLength === 0) this.#endStream();
        break;
      case RecordType.END_REQUEST:
      case RecordType.UNKNOWN_TYPE:
        if (contentLength !== 8) {
          throw recordError(type, `is ${contentLength} bytes long, not 8`);
        }
        break;
      case RecordType.GET_VALUES_RESULT:
        if (contentLength === 0) this.#handler.onValues(new Map());
        break;
      case RecordType.BEGIN_REQUEST:
      case RecordType.ABORT_REQUEST:
      case RecordType.PARAMS:
      case RecordType.STDIN:
      case RecordType.DATA:
      case RecordType.GET_VALUES:
        throw recordError(type, "is not for an application to send");
    }
  }

  /** Is called by the reader of records. */
  onContent(chunk: Buffer, start: number, end: number, rest: number): void {
    switch (this.#type) {
      case RecordType.STDOUT:
      case RecordType.STDERR:
        this.#content(chunk.subarray(start, end));
        break;
      case RecordType.END_REQUEST:
      case RecordType.GET_VALUES_RESULT:
        this.#gathered.push(chunk.subarray(start, end));
        if (rest === 0) this.#whole();
        break;
      default: // Unknown types are skipped.
    }
  }

  #content(content: Buffer): void {
    // Records of inactive ids are to be ignored (3.3): late output of a request that has ended.
    const open = this.#open.get(this.#requestId);
    if (!open || open.aborted) return;
    if (this.#type === RecordType.STDOUT) {
      if (open.stdoutEnded) throw recordError(this.#type, "follows the end of its stream");
      this.#handler.onStdout(open.request, content);
    } else {
      if (open.stderrEnded) throw recordError(this.#type, "follows the end of its stream");
      this.#handler.onStderr(open.request, content);
    }
  }

  #endStream(): void {
    const open = this.#open.get(this.#requestId);
    if (!open) return;
    if (this.#type === RecordType.STDOUT) open.stdoutEnded = true;
    else open.stderrEnded = true;
  }

  #whole(): void {
    const content = this.#gathered.length === 1 ? this.#gathered[0]! : Buffer.concat(this.#gathered);
    this.#gathered = [];
    if (this.#type === RecordType.GET_VALUES_RESULT) {
      this.#handler.onValues(new Map(decodeNameValuePairs(content)));
      return;
    }
    const open = this.#open.get(this.#requestId);
    if (!open) return;
    const protocolStatus = content[4]!;
    if (!isProtocolStatus(protocolStatus)) {
      throw recordError(this.#type, `has the protocol status ${protocolStatus}`);
    }
    this.#open.delete(this.#requestId);
    if (!open.aborted) this.#handler.onEnd(open.request, content.readUInt32BE(0), protocolStatus);
  }
}

function isProtocolStatus(value: number): value is ProtocolStatus {
  return PROTOCOL_STATUSES.has(value);
}

function recordError(type: number, what: string): ProtocolError {
  return new ProtocolError("ERR_FCGI_RECORD", `record of type ${type} from the application ${what}`);
}
