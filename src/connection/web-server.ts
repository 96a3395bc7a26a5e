import {
  type InputStreamType,
  KEEP_CONN,
  MAX_REQUEST_ID,
  NULL_REQUEST_ID,
  type ProtocolStatus,
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
import { decodeEndRequest } from "../protocol/record-body.ts";
import { RecordReader, type RecordSink } from "../protocol/record-reader.ts";
import { GrowableBuffer } from "./growable-buffer.ts";

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

/** What begins a request. */
export interface BeginRequest {
  readonly role: Role;
  /** Asks the application to leave the connection open. */
  readonly keepConn: boolean;
  /** Meta-variables, encoded as name-value pairs. */
  readonly params: Uint8Array;
}

interface OpenRequest<R> {
  readonly request: R;
  hasBegun: boolean;
  stdinEnded: boolean;
  stdoutEnded: boolean;
  stderrEnded: boolean;
  aborted: boolean;
}

const NO_BYTES = Buffer.alloc(0);

/**
 * The web server's side of one FastCGI connection, without I/O.
 *
 * Takes the bytes of the application with {@link push} and tells the handler what they say; its other methods
 * return the bytes to be written, in order. Content is passed on as it arrives; only the records that must be
 * read as a whole are gathered (FCGI_END_REQUEST, FCGI_GET_VALUES_RESULT: 65,535 bytes at most). Several
 * requests can be open at once; whether the application allows that is for the caller to know.
 *
 * Each id is used once per connection, in ascending order, as HAProxy does: what an application sends for a
 * request that has ended (Go's net/http/fcgi confirms an abort before its handler is done) cannot be taken for
 * part of a later one. Such records are ignored while other requests are open, for the sake of these; on a
 * connection without open requests they are an error, as is a record for an id that was never used.
 *
 * @see FastCGI 1.0, sections 3 to 5
 */
export class WebServerConnection<R> implements RecordSink {
  readonly #handler: WebServerHandler<R>;
  readonly #reader: RecordReader = new RecordReader(this);
  readonly #open: Map<number, OpenRequest<R>> = new Map();
  /** The id used last. */
  #lastId = 0;
  /** FCGI_GET_VALUES records without a result. */
  #questions = 0;
  #type = 0;
  #requestId = 0;
  /** Content of the present record so far, for the types that are read as a whole. */
  #gathered: Buffer = NO_BYTES;
  #buffer: GrowableBuffer | undefined;

  constructor(handler: WebServerHandler<R>) {
    this.#handler = handler;
  }

  /** Number of requests begun and not ended, aborted ones included. */
  get openRequests(): number {
    return this.#open.size;
  }

  /** Number of requests that have ended, aborted ones included. */
  get endedRequests(): number {
    return this.#lastId - this.#open.size;
  }

  /** Whether no other request can begin, because all 65,535 ids were used. */
  get isExhausted(): boolean {
    return this.#lastId === MAX_REQUEST_ID;
  }

  /** Whether the application sent any record for an open request, if only the end of a stream. */
  hasBegun(requestId: number): boolean {
    return this.#open.get(requestId)?.hasBegun ?? false;
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
   * Begins a request under the next id; the bytes hold its params to their end.
   *
   * @throws RangeError if all 65,535 ids were used
   */
  begin(request: R, { role, keepConn, params }: BeginRequest): { requestId: number; bytes: Uint8Array[] } {
    if (this.isExhausted) throw new RangeError("all 65535 request ids of the connection were used");
    const requestId = ++this.#lastId;
    const bytes = [
      encodeBeginRequest(requestId, role, keepConn ? KEEP_CONN : 0),
      ...encodeStream(RecordType.PARAMS, requestId, params),
      encodeStreamEnd(RecordType.PARAMS, requestId),
    ];
    this.#open.set(requestId, {
      request,
      hasBegun: false,
      stdinEnded: false,
      stdoutEnded: false,
      stderrEnded: false,
      aborted: false,
    });
    return { requestId, bytes };
  }

  /** Encodes part of FCGI_STDIN or FCGI_DATA; nothing if the request ended or was aborted. */
  stream(type: InputStreamType, requestId: number, content: Uint8Array): Uint8Array[] {
    const open = this.#open.get(requestId);
    if (!open || open.aborted || (type === RecordType.STDIN && open.stdinEnded)) return [];
    return encodeStream(type, requestId, content);
  }

  /** Encodes the end of FCGI_STDIN or FCGI_DATA; nothing if the request ended or was aborted. */
  streamEnd(type: InputStreamType, requestId: number): Uint8Array[] {
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
    const record = encodeRecord(RecordType.GET_VALUES, NULL_REQUEST_ID, encodeNameValuePairs(pairs));
    this.#questions++;
    return [record];
  }

  /** Is called by the reader of records. */
  onHeader(type: number, requestId: number, contentLength: number): void {
    this.#type = type;
    this.#requestId = requestId;
    if (this.#open.size === 0 && this.#questions === 0)
      throw recordError(type, "comes while nothing is open");
    switch (type) {
      case RecordType.STDOUT:
      case RecordType.STDERR:
        this.#begin();
        if (contentLength === 0) this.#endStream();
        break;
      case RecordType.END_REQUEST:
        this.#begin();
        checkLength(type, contentLength);
        break;
      case RecordType.UNKNOWN_TYPE:
        checkLength(type, contentLength);
        break;
      case RecordType.GET_VALUES_RESULT:
        if (contentLength === 0) this.#onValues(NO_BYTES);
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
      case RecordType.UNKNOWN_TYPE:
      case RecordType.GET_VALUES_RESULT:
        this.#gather(chunk, start, end, rest);
        break;
      default: // Unknown types are skipped.
    }
  }

  /** A record for a request begins. */
  #begin(): void {
    const open = this.#open.get(this.#requestId);
    if (open) open.hasBegun = true;
    else if (this.#requestId > this.#lastId || this.#requestId === NULL_REQUEST_ID) {
      throw recordError(this.#type, `is for the request ${this.#requestId}, which never began`);
    }
  }

  #content(content: Buffer): void {
    // Late output of a request that has ended or was aborted.
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

  #gather(chunk: Buffer, start: number, end: number, rest: number): void {
    if (this.#type === RecordType.GET_VALUES_RESULT && this.#questions === 0) return;
    if (rest === 0 && this.#gathered.length === 0) {
      this.#whole(chunk.subarray(start, end));
      return;
    }
    this.#buffer ??= new GrowableBuffer();
    const content = this.#buffer.append(this.#gathered, chunk, start, end);
    this.#gathered = content;
    if (rest > 0) return;
    this.#gathered = NO_BYTES;
    this.#buffer = undefined;
    this.#whole(content);
  }

  #whole(content: Buffer): void {
    if (this.#type === RecordType.GET_VALUES_RESULT) this.#onValues(content);
    else if (this.#type === RecordType.END_REQUEST) this.#endRequest(content);
    // An application that does not know FCGI_GET_VALUES knows no values.
    else if (content[0] === RecordType.GET_VALUES) this.#onValues(NO_BYTES);
  }

  #onValues(content: Buffer): void {
    if (this.#questions === 0) return;
    this.#questions--;
    this.#handler.onValues(new Map(decodeNameValuePairs(content, "latin1")));
  }

  #endRequest(content: Buffer): void {
    const open = this.#open.get(this.#requestId);
    if (!open) return;
    const { appStatus, protocolStatus } = decodeEndRequest(content);
    this.#open.delete(this.#requestId);
    if (open.aborted) this.#handler.onAbortConfirmed(open.request);
    else this.#handler.onEnd(open.request, appStatus, protocolStatus);
  }
}

function checkLength(type: number, contentLength: number): void {
  if (contentLength !== 8) throw recordError(type, `is ${contentLength} bytes long, not 8`);
}

function recordError(type: number, what: string): ProtocolError {
  return new ProtocolError(`record of type ${type} from the application ${what}`);
}
