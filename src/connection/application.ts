import { KEEP_CONN, NULL_REQUEST_ID, ProtocolStatus, RecordType, Role } from "../protocol/constants.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { encodeEndRequest, encodeUnknownType } from "../protocol/record.ts";
import { RecordReader, type RecordSink } from "../protocol/record-reader.ts";
import type { ApplicationHandler, ApplicationLimits, ApplicationRequest } from "./application-request.ts";
import { encodeValues } from "./get-values.ts";
import { RequestTable } from "./request-table.ts";

/**
 * The application's side of a connection, without I/O: takes bytes and calls a handler.
 *
 * Calls rather than event objects, because there is one for every record of every request. Records of unknown requests
 * are skipped, as the specification demands: STDIN may still arrive after FCGI_END_REQUEST (sections 3.3 and 5.1).
 *
 * | A request is | from                     | to                                                           |
 * | ------------ | ------------------------ | ------------------------------------------------------------ |
 * | begun        | FCGI_BEGIN_REQUEST       | the end of FCGI_PARAMS: `onRequest`                          |
 * | open         | FCGI_BEGIN_REQUEST       | `end()`: FCGI_END_REQUEST was sent                           |
 * | kept         | FCGI_BEGIN_REQUEST       | `end()` and the end of STDIN, in either order, or `forget()` |
 */
export class ApplicationConnection<R extends ApplicationRequest> implements RecordSink {
  readonly #handler: ApplicationHandler<R>;
  readonly #limits: ApplicationLimits;
  readonly #reader: RecordReader = new RecordReader(this);
  readonly requests: RequestTable<R>;
  #type = 0;
  #requestId = 0;
  /** Content of the current record, for types that are decoded as a whole. */
  #gathered = "";
  #takesRequests = true;

  constructor(handler: ApplicationHandler<R>, limits: ApplicationLimits) {
    this.#handler = handler;
    this.#limits = limits;
    this.requests = new RequestTable<R>(handler, limits.maxRequestsPerConnection);
  }

  /** Whether the bytes so far end within a record. */
  get isMidRecord(): boolean {
    return this.#reader.isMidRecord;
  }

  /**
   * Takes the next bytes from the web server.
   *
   * @returns how many were taken: all, unless {@link stop} was called; the rest has to be pushed again
   * @throws ProtocolError if they break the specification; the connection has to be destroyed
   * @throws LimitError if they exceed a limit; the connection has to be destroyed
   */
  push(chunk: Buffer): number {
    return this.#reader.push(chunk);
  }

  /** Makes the current {@link push} return after the current call of the handler. */
  stop(): void {
    this.#reader.stop();
  }

  /** Skips requests that begin from now on, because there can be no response. */
  takeNoRequests(): void {
    this.#takesRequests = false;
  }

  /** Called by the record reader. */
  onHeader(type: number, requestId: number, contentLength: number): void {
    this.#type = type;
    this.#requestId = requestId;
    if (type === RecordType.BEGIN_REQUEST) {
      if (contentLength !== 8) {
        throw new ProtocolError(
          `FCGI_BEGIN_REQUEST of request ${requestId} holds ${contentLength} bytes, not 8`,
        );
      }
      this.#gathered = "";
      return;
    }
    if (requestId === NULL_REQUEST_ID) {
      this.#onManagementHeader(type, contentLength);
      return;
    }
    const request = this.requests.select(requestId);
    if (request === undefined) return;
    if (contentLength === 0) this.#onEmpty(type, request);
    else if (type === RecordType.PARAMS && !request.paramsEnded)
      request.countParams(contentLength, this.#limits);
  }

  /** Called by the record reader. */
  onContent(chunk: Buffer, start: number, end: number, rest: number): void {
    const request = this.requests.current;
    switch (this.#type) {
      case RecordType.PARAMS:
        if (request !== undefined && !request.paramsEnded && !request.isTooLarge) {
          request.appendParams(chunk, start, end);
        }
        break;
      case RecordType.STDIN:
        if (request !== undefined && !request.stdinEnded) this.#onStdin(request, chunk, start, end);
        break;
      case RecordType.DATA:
        if (request !== undefined && request.role === Role.FILTER) this.#onData(request, chunk, start, end);
        break;
      case RecordType.ABORT_REQUEST:
        // It should have no content (section 5.4).
        if (rest === 0 && request !== undefined) this.#abort(request);
        break;
      case RecordType.BEGIN_REQUEST:
        if (end - start === 8) {
          this.#begin(chunk, start);
        } else {
          this.#gathered += chunk.toString("latin1", start, end);
          if (rest === 0) this.#begin(Buffer.from(this.#gathered, "latin1"), 0);
        }
        break;
      case RecordType.GET_VALUES:
        if (this.#requestId !== NULL_REQUEST_ID) break;
        this.#gathered += chunk.toString("latin1", start, end);
        if (rest === 0) this.#getValues(this.#gathered);
        break;
    }
  }

  /** Takes an empty record: the end of a stream, or FCGI_ABORT_REQUEST. */
  #onEmpty(type: number, request: R): void {
    switch (type) {
      case RecordType.PARAMS:
        if (request.paramsEnded) break;
        request.paramsEnded = true;
        this.#handler.onRequest(request);
        this.#deliverEarly(request);
        break;
      case RecordType.STDIN:
        if (request.stdinEnded) break;
        request.endStdin();
        if (request.isEnded) this.requests.forget(request);
        if (request.paramsEnded) this.#handler.onStdinEnd(request);
        break;
      case RecordType.DATA:
        if (request.role === Role.FILTER) this.#onDataEnd(request);
        break;
      case RecordType.ABORT_REQUEST:
        this.#abort(request);
        break;
    }
  }

  #abort(request: R): void {
    if (request.isEnded) {
      // The application may still read STDIN.
      this.requests.forget(request);
      this.#handler.onLetGo(request);
    } else {
      this.#handler.onAbort(request);
    }
  }

  #onStdin(request: R, chunk: Buffer, start: number, end: number): void {
    if (request.paramsEnded) this.#handler.onStdin(request, chunk.subarray(start, end));
    else request.holdStdin(chunk, start, end, this.#limits);
  }

  #onData(request: R, chunk: Buffer, start: number, end: number): void {
    if (request.openData().isEnded) return;
    if (request.paramsEnded) this.#handler.onData(request, chunk.subarray(start, end));
    else request.holdData(chunk, start, end, this.#limits);
  }

  #onDataEnd(request: R): void {
    if (request.openData().isEnded) return;
    request.endData();
    if (request.paramsEnded) this.#handler.onDataEnd(request);
  }

  /** Delivers STDIN and DATA that were received before the end of PARAMS. */
  #deliverEarly(request: R): void {
    const stdin = request.takeEarlyStdin();
    if (stdin !== undefined) this.#handler.onStdin(request, stdin);
    if (request.stdinEnded) this.#handler.onStdinEnd(request);
    if (request.filterData === undefined) return;
    const data = request.takeEarlyData();
    if (data !== undefined) this.#handler.onData(request, data);
    if (request.filterData.isEnded) this.#handler.onDataEnd(request);
  }

  /** Takes the body of FCGI_BEGIN_REQUEST, which begins at `start`. */
  #begin(bytes: Buffer, start: number): void {
    if (!this.#takesRequests) return;
    const requestId = this.#requestId;
    if (requestId === NULL_REQUEST_ID) {
      throw new ProtocolError("FCGI_BEGIN_REQUEST has request id 0");
    }
    const earlier = this.requests.get(requestId);
    if (earlier !== undefined) {
      if (!earlier.isEnded) {
        throw new ProtocolError(`FCGI_BEGIN_REQUEST for request ${requestId}, which is open already`);
      }
      this.requests.forget(earlier);
      this.#handler.onReplaced(earlier);
    }
    const role = (bytes[start]! << 8) | bytes[start + 1]!;
    const keepConn = (bytes[start + 2]! & KEEP_CONN) !== 0;
    if (!this.#limits.roles.has(role)) {
      this.#refuse(requestId, ProtocolStatus.UNKNOWN_ROLE, keepConn);
    } else if (this.requests.isFull) {
      const multiplexes = this.#limits.maxRequestsPerConnection > 1;
      this.#refuse(requestId, multiplexes ? ProtocolStatus.OVERLOADED : ProtocolStatus.CANT_MPX_CONN, true);
    } else {
      this.requests.add(this.#handler.createRequest(requestId, role, keepConn));
    }
  }

  #refuse(requestId: number, protocolStatus: ProtocolStatus, keepConn: boolean): void {
    this.#handler.onReply(
      encodeEndRequest(requestId, 0, protocolStatus),
      !keepConn && this.requests.openSize === 0,
    );
  }

  #onManagementHeader(type: number, contentLength: number): void {
    this.requests.select(NULL_REQUEST_ID);
    if (type === RecordType.GET_VALUES) {
      this.#gathered = "";
      if (contentLength === 0) this.#getValues("");
    } else if (type === 0 || type > RecordType.UNKNOWN_TYPE) {
      this.#handler.onReply(encodeUnknownType(type), false);
    }
  }

  #getValues(content: string): void {
    this.#handler.onReply(encodeValues(content, this.#limits.values), false);
  }
}
