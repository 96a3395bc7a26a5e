import { KEEP_CONN, NULL_REQUEST_ID, ProtocolStatus, RecordType, Role } from "../protocol/constants.ts";
import { LimitError, ProtocolError } from "../protocol/errors.ts";
import { decodeNameValuePairs, encodeNameValuePairs } from "../protocol/name-value.ts";
import { encodeEndRequest, encodeRecord, encodeUnknownType } from "../protocol/record.ts";
import { RecordReader, type RecordSink } from "../protocol/record-reader.ts";
import {
  type ApplicationHandler,
  type ApplicationLimits,
  type ApplicationRequest,
  FilterData,
} from "./application-request.ts";

/**
 * The application's side of one connection, without I/O: bytes in, calls of a handler out.
 *
 * Calls, not event objects, because they are made for every record of every request. Records of requests that
 * are not open are skipped, as the specification wants it: after FCGI_END_REQUEST the rest of STDIN may still
 * come (3.3, 5.1).
 */
export class ApplicationConnection<R extends ApplicationRequest> implements RecordSink {
  readonly #handler: ApplicationHandler<R>;
  readonly #limits: ApplicationLimits;
  readonly #reader: RecordReader = new RecordReader(this);
  /** Web servers but HAProxy have one request open at a time: it needs no look-up. */
  #only: R | undefined = undefined;
  #others: Map<number, R> | undefined = undefined;
  #openSize = 0;
  #type = 0;
  #request: R | undefined = undefined;
  #requestId = 0;
  /** Content of the record at hand, for the types that are read as a whole. */
  #gathered = "";
  #takesRequests = true;

  constructor(handler: ApplicationHandler<R>, limits: ApplicationLimits) {
    this.#handler = handler;
    this.#limits = limits;
  }

  /** Number of requests that have no answer yet. */
  get openSize(): number {
    return this.#openSize;
  }

  /** Number of requests, the answered ones whose STDIN has not ended included. */
  get size(): number {
    return (this.#only === undefined ? 0 : 1) + (this.#others?.size ?? 0);
  }

  /** The requests, the answered ones whose STDIN has not ended included. */
  get requests(): R[] {
    const requests = this.#others === undefined ? [] : [...this.#others.values()];
    if (this.#only !== undefined) requests.push(this.#only);
    return requests;
  }

  get isMidRecord(): boolean {
    return this.#reader.isMidRecord;
  }

  /**
   * Takes the next bytes from the web server.
   *
   * @returns how many were taken: all, unless `stop()` was called; the rest has to be pushed again
   * @throws ProtocolError if they break the specification, LimitError if they exceed a limit; the connection has to be destroyed
   */
  push(chunk: Buffer): number {
    return this.#reader.push(chunk);
  }

  /** Takes no more of the bytes that are being pushed, after the call of the handler at hand. */
  stop(): void {
    this.#reader.stop();
  }

  /** Skips requests that begin from now on: they could not be answered. */
  takeNoRequests(): void {
    this.#takesRequests = false;
  }

  /** Whether STDIN of this request, not of a later one of the same id, is still looked at. */
  has(request: R): boolean {
    return this.#only === request || this.#others?.get(request.requestId) === request;
  }

  /** Marks a request as answered: its id is free. */
  end(request: R): void {
    if (request.isEnded) return;
    request.isEnded = true;
    this.#openSize--;
    if (request.stdinEnded || !request.paramsEnded) this.forget(request);
    else if (this.size - this.#openSize > this.#limits.maxRequestsPerConnection) this.#letOldestGo(request);
  }

  /** An answered request may leave the rest of its STDIN unsent for ever: their number is limited. */
  #letOldestGo(latest: R): void {
    const oldest = this.requests.find((request) => request.isEnded && request !== latest) ?? latest;
    this.forget(oldest);
    this.#handler.onLetGo(oldest);
  }

  /** Takes a request off the table: later records of it are skipped. */
  forget(request: R): void {
    if (!request.isEnded) {
      request.isEnded = true;
      this.#openSize--;
    }
    if (this.#only === request) this.#only = undefined;
    else if (this.#others?.get(request.requestId) === request) this.#others.delete(request.requestId);
    if (this.#request === request) this.#request = undefined;
  }

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
    const only = this.#only;
    const request = only !== undefined && only.requestId === requestId ? only : this.#others?.get(requestId);
    this.#request = request;
    if (request === undefined) return;
    if (contentLength === 0) this.#onEmpty(type, request);
    else if (type === RecordType.PARAMS && !request.paramsEnded) this.#countParams(request, contentLength);
  }

  onContent(chunk: Buffer, start: number, end: number, rest: number): void {
    const request = this.#request;
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
        // It has no content (5.4): what comes all the same changes nothing.
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

  /** An empty record: the end of a stream, or an abort, which has no content. */
  #onEmpty(type: number, request: R): void {
    switch (type) {
      case RecordType.PARAMS:
        if (request.paramsEnded) break;
        request.paramsEnded = true;
        this.#handler.onRequest(request);
        this.#deliverEarlyStdin(request);
        if (request.filterData !== undefined) this.#deliverEarlyData(request, request.filterData);
        break;
      case RecordType.STDIN:
        if (request.stdinEnded) break;
        request.endStdin();
        if (request.isEnded) this.forget(request);
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
      // Its application may be reading on.
      this.forget(request);
      this.#handler.onLetGo(request);
    } else {
      this.#handler.onAbort(request);
    }
  }

  #onStdin(request: R, chunk: Buffer, start: number, end: number): void {
    if (request.paramsEnded) {
      this.#handler.onStdin(request, chunk.subarray(start, end));
      return;
    }
    // The streams of a request are independent (3.3): STDIN may come first, as far as we can hold it.
    request.appendEarlyStdin(chunk, start, end);
    this.#checkEarly(request);
  }

  #onData(request: R, chunk: Buffer, start: number, end: number): void {
    request.filterData ??= new FilterData();
    if (request.filterData.isEnded) return;
    if (request.paramsEnded) {
      this.#handler.onData(request, chunk.subarray(start, end));
      return;
    }
    request.filterData.append(chunk, start, end);
    this.#checkEarly(request);
  }

  #onDataEnd(request: R): void {
    request.filterData ??= new FilterData();
    if (request.filterData.isEnded) return;
    request.filterData.isEnded = true;
    if (request.paramsEnded) this.#handler.onDataEnd(request);
  }

  #checkEarly(request: R): void {
    if (request.earlyLength <= this.#limits.maxEarlyStdinLength) return;
    throw new LimitError(
      `request ${request.requestId} sent over ${this.#limits.maxEarlyStdinLength} bytes of stdin or data before its params ended`,
    );
  }

  #deliverEarlyStdin(request: R): void {
    const early = request.takeEarlyStdin();
    if (early !== undefined) this.#handler.onStdin(request, early);
    if (request.stdinEnded) this.#handler.onStdinEnd(request);
  }

  #deliverEarlyData(request: R, data: FilterData): void {
    const early = data.takeEarly();
    if (early.length > 0) this.#handler.onData(request, early);
    if (data.isEnded) this.#handler.onDataEnd(request);
  }

  #countParams(request: R, contentLength: number): void {
    request.paramsWireLength += contentLength;
    if (request.paramsWireLength > this.#limits.maxParamsWireLength) {
      throw new LimitError(
        `params of request ${request.requestId} exceed ${this.#limits.maxParamsWireLength} bytes`,
      );
    }
    if (request.paramsWireLength > this.#limits.maxParamsLength) {
      request.isTooLarge = true;
      request.dropParams();
    }
  }

  /** Takes the body of FCGI_BEGIN_REQUEST, which lies at `start`. */
  #begin(bytes: Buffer, start: number): void {
    if (!this.#takesRequests) return;
    const requestId = this.#requestId;
    if (requestId === NULL_REQUEST_ID) {
      throw new ProtocolError("FCGI_BEGIN_REQUEST has request id 0");
    }
    const earlier = this.#only?.requestId === requestId ? this.#only : this.#others?.get(requestId);
    if (earlier !== undefined) {
      if (!earlier.isEnded) {
        throw new ProtocolError(`FCGI_BEGIN_REQUEST for request ${requestId}, which is open already`);
      }
      this.forget(earlier);
      this.#handler.onReplaced(earlier);
    }
    const role = (bytes[start]! << 8) | bytes[start + 1]!;
    const keepConn = (bytes[start + 2]! & KEEP_CONN) !== 0;
    if (!this.#limits.roles.has(role)) {
      this.#refuse(requestId, ProtocolStatus.UNKNOWN_ROLE, keepConn);
    } else if (this.#openSize >= this.#limits.maxRequestsPerConnection) {
      const multiplexes = this.#limits.maxRequestsPerConnection > 1;
      this.#refuse(requestId, multiplexes ? ProtocolStatus.OVERLOADED : ProtocolStatus.CANT_MPX_CONN, true);
    } else {
      const request = this.#handler.createRequest(requestId, role, keepConn);
      this.#openSize++;
      if (this.#only === undefined) {
        this.#only = request;
      } else {
        this.#others ??= new Map();
        this.#others.set(requestId, request);
      }
    }
  }

  #refuse(requestId: number, protocolStatus: ProtocolStatus, keepConn: boolean): void {
    this.#handler.onReply(encodeEndRequest(requestId, 0, protocolStatus), !keepConn && this.#openSize === 0);
  }

  #onManagementHeader(type: number, contentLength: number): void {
    this.#request = undefined;
    if (type === RecordType.GET_VALUES) {
      this.#gathered = "";
      if (contentLength === 0) this.#getValues("");
    } else if (type === 0 || type > RecordType.UNKNOWN_TYPE) {
      this.#handler.onReply(encodeUnknownType(type), false);
    }
  }

  #getValues(content: string): void {
    const asked = new Map<string, string>();
    for (const [name] of decodeNameValuePairs(Buffer.from(content, "latin1"), "latin1")) {
      const value = this.#limits.values.get(name);
      if (value !== undefined) asked.set(name, value);
    }
    this.#handler.onReply(
      encodeRecord(RecordType.GET_VALUES_RESULT, NULL_REQUEST_ID, encodeNameValuePairs(asked)),
      false,
    );
  }
}
