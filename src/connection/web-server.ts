import {
  type InputStreamType,
  KEEP_CONN,
  MAX_REQUEST_ID,
  NULL_REQUEST_ID,
  RecordType,
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
import { type BeginRequest, OpenRequest, type WebServerHandler } from "./web-server-request.ts";

const NO_BYTES = Buffer.alloc(0);

/**
 * The web server's side of a connection, without I/O: {@link push} takes bytes of the application and calls a handler,
 * the other methods return bytes to be written, in order.
 *
 * Content is passed on as it is received. Only records that are decoded as a whole are gathered (FCGI_END_REQUEST,
 * FCGI_GET_VALUES_RESULT: 65,535 bytes at most). Several requests can be open at once; the caller has to know whether
 * the application supports that.
 *
 * Each id is used once per connection, in ascending order, as HAProxy does. Go's net/http/fcgi confirms an abort before
 * its handler returns, so that output of an ended request can arrive later; it must not be taken for output of another
 * one. Such records are ignored while other requests are open. Without an open request they are an error, as is any
 * record for an id that was not used yet.
 *
 * @see FastCGI 1.0, sections 3 to 5
 */
export class WebServerConnection<R> implements RecordSink {
  readonly #handler: WebServerHandler<R>;
  readonly #reader: RecordReader = new RecordReader(this);
  readonly #open: Map<number, OpenRequest<R>> = new Map();
  /** Id of the last request that was begun. */
  #lastId = 0;
  /** FCGI_GET_VALUES records without a result. */
  #pendingValues = 0;
  #type = 0;
  #requestId = 0;
  /** Content of the current record, for types that are decoded as a whole. */
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

  /** Whether all 65,535 ids were used: no other request can begin. */
  get isExhausted(): boolean {
    return this.#lastId === MAX_REQUEST_ID;
  }

  /** Whether the application has sent a record for an open request, even an empty one. */
  hasBegun(requestId: number): boolean {
    return this.#open.get(requestId)?.hasBegun ?? false;
  }

  /**
   * Takes the next bytes of the application.
   *
   * @throws ProtocolError if an application may not send them; the connection has to be destroyed
   */
  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  /**
   * Begins a request with the next id; the bytes hold all its params.
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
    this.#open.set(requestId, new OpenRequest(request));
    return { requestId, bytes };
  }

  /** Encodes part of FCGI_STDIN or FCGI_DATA; nothing if the request ended or was aborted. */
  stream(type: InputStreamType, requestId: number, content: Uint8Array): Uint8Array[] {
    const open = this.#open.get(requestId);
    if (!open?.accepts(type)) return [];
    return encodeStream(type, requestId, content);
  }

  /** Encodes the end of FCGI_STDIN or FCGI_DATA; nothing if the request ended or was aborted. */
  streamEnd(type: InputStreamType, requestId: number): Uint8Array[] {
    const open = this.#open.get(requestId);
    if (!open?.accepts(type)) return [];
    open.endInput(type);
    return [encodeStreamEnd(type, requestId)];
  }

  /**
   * Aborts a request: its output is ignored. Its id is in use until the application confirms the abort with
   * FCGI_END_REQUEST.
   *
   * @see FastCGI 1.0, section 5.4
   */
  abort(requestId: number): Uint8Array[] {
    const open = this.#open.get(requestId);
    if (!open || open.isAborted) return [];
    open.isAborted = true;
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
    this.#pendingValues++;
    return [record];
  }

  /** Called by the record reader. */
  onHeader(type: number, requestId: number, contentLength: number): void {
    this.#type = type;
    this.#requestId = requestId;
    if (this.#open.size === 0 && this.#pendingValues === 0)
      throw recordError(type, "comes while nothing is open");
    switch (type) {
      case RecordType.STDOUT:
      case RecordType.STDERR:
        this.#begin();
        if (contentLength === 0) this.#open.get(requestId)?.endOutput(type);
        break;
      case RecordType.END_REQUEST:
      case RecordType.UNKNOWN_TYPE:
        if (type === RecordType.END_REQUEST) this.#begin();
        if (contentLength !== 8) throw recordError(type, `is ${contentLength} bytes long, not 8`);
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

  /** Called by the record reader. */
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
      default: // unknown types
    }
  }

  /** Notes a record for a request. */
  #begin(): void {
    const open = this.#open.get(this.#requestId);
    if (open) open.hasBegun = true;
    else if (this.#requestId > this.#lastId || this.#requestId === NULL_REQUEST_ID) {
      throw recordError(this.#type, `is for the request ${this.#requestId}, which never began`);
    }
  }

  #content(content: Buffer): void {
    const open = this.#open.get(this.#requestId);
    if (!open || open.isAborted) return;
    if (open.hasEnded(this.#type)) throw recordError(this.#type, "follows the end of its stream");
    if (this.#type === RecordType.STDOUT) this.#handler.onStdout(open.request, content);
    else this.#handler.onStderr(open.request, content);
  }

  #gather(chunk: Buffer, start: number, end: number, rest: number): void {
    if (this.#type === RecordType.GET_VALUES_RESULT && this.#pendingValues === 0) return;
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
    // FCGI_UNKNOWN_TYPE: the application does not know FCGI_GET_VALUES.
    else if (content[0] === RecordType.GET_VALUES) this.#onValues(NO_BYTES);
  }

  #onValues(content: Buffer): void {
    if (this.#pendingValues === 0) return;
    this.#pendingValues--;
    this.#handler.onValues(new Map(decodeNameValuePairs(content, "latin1")));
  }

  #endRequest(content: Buffer): void {
    const open = this.#open.get(this.#requestId);
    if (!open) return;
    const { appStatus, protocolStatus } = decodeEndRequest(content);
    this.#open.delete(this.#requestId);
    if (open.isAborted) this.#handler.onAbortConfirmed(open.request);
    else this.#handler.onEnd(open.request, appStatus, protocolStatus);
  }
}

function recordError(type: number, what: string): ProtocolError {
  return new ProtocolError(`record of type ${type} from the application ${what}`);
}
