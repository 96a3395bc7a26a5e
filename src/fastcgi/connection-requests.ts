import { replacesProcessOnReset } from "../cgi/front-ends.ts";
import { decodeParams } from "../cgi/params.ts";
import type { RequestTable } from "../connection/request-table.ts";
import { ProtocolStatus } from "../protocol/constants.ts";
import { encodeEndRequest } from "../protocol/record.ts";
import type { FastCGIRequest, RequestConnection, RequestOutput } from "./request.ts";

const NONE: FastCGIRequest[] = [];

/** What the requests need of the server. */
export interface RequestsOwner {
  /** A request needs nothing more. Idempotent. */
  onRequestEnd(request: FastCGIRequest): void;
  /** The response of a request is complete, and nobody reads the rest of its STDIN. */
  onDiscard(request: FastCGIRequest): void;
}

/** What the requests need of their connection. */
export interface RequestsConnection {
  readonly output: RequestOutput & { write(bytes: Buffer): void };
  readonly input: { resume(request: FastCGIRequest): void; touch(): void };
  readonly protocol: { readonly requests: RequestTable<FastCGIRequest> };
  /** The response of a request is complete, or will not be: the connection may close. */
  onResponseEnd(request: FastCGIRequest): void;
  /** The last STDIN of a request whose response is complete was received: the connection may close. */
  onLastStdin(): void;
  /** Begins no more requests: the connection closes. */
  startLinger(): void;
  /** Closes the connection so that the response does not look complete. */
  breakOff(hasStdout: boolean): void;
  fail(error: Error): void;
}

/**
 * The requests of a connection, and how they end.
 *
 * A request is open until FCGI_END_REQUEST is written. If STDIN has not ended by then, the request is kept for an
 * application that still reads it, or until the rest has arrived; `maxRequestsPerConnection` limits their number.
 */
export class ConnectionRequests implements RequestConnection {
  readonly output: RequestsConnection["output"];
  readonly #connection: RequestsConnection;
  readonly #owner: RequestsOwner;
  /** A request was dropped whose STDIN may still arrive, on a connection that is not kept. */
  #hasLetGo = false;

  constructor(connection: RequestsConnection, owner: RequestsOwner) {
    this.#connection = connection;
    this.output = connection.output;
    this.#owner = owner;
  }

  get #table(): RequestTable<FastCGIRequest> {
    return this.#connection.protocol.requests;
  }

  /** Whether no request is open. */
  get isIdle(): boolean {
    return this.#table.openSize === 0;
  }

  /** Whether several requests are open. */
  get isShared(): boolean {
    return this.#table.openSize > 1;
  }

  /** Whether STDIN may arrive of requests that are kept, or of one that was dropped. */
  get expectsInput(): boolean {
    return this.#table.size > 0 || this.#hasLetGo;
  }

  /** The open requests. */
  get open(): FastCGIRequest[] {
    return this.#table.toArray().filter((request) => !request.isEnded);
  }

  /** Requests whose response is complete and whose STDIN is not. */
  get responded(): FastCGIRequest[] {
    if (this.#table.size === this.#table.openSize) return NONE;
    return this.#table.toArray().filter((request) => request.isEnded && request.awaitsStdin);
  }

  /** Whether an application reads STDIN after its response. */
  get hasReaders(): boolean {
    return this.responded.some((request) => request.isReadAfterResponse);
  }

  // The end of the response

  /** The whole response of a request was handed over. */
  onComplete(request: FastCGIRequest): void {
    this.#release(request);
    this.#connection.onResponseEnd(request);
  }

  /**
   * A clean end looks complete to nginx, Caddy and h2o, so a connection without another request is reset. Not behind
   * mod_fcgid, which would restart the whole process.
   */
  abortRequest(request: FastCGIRequest): void {
    if (request.isEnded) {
      if (this.#table.has(request)) this.letGo(request);
      return;
    }
    request.ignoreStdin();
    const staysOpen =
      this.isShared ||
      this.hasReaders ||
      (!request.keepConn && request.paramsEnded && replacesProcessOnReset(decodeParams(request.params)));
    if (staysOpen) {
      this.output.write(encodeEndRequest(request.requestId, 1, ProtocolStatus.REQUEST_COMPLETE));
      this.onComplete(request);
    } else {
      this.#connection.startLinger();
      this.#release(request);
      this.#connection.breakOff(request.hasStdout);
    }
  }

  failRequest(request: FastCGIRequest, error: Error): void {
    if (!request.isEnded && !this.isShared) {
      this.#connection.fail(error);
    } else {
      this.abortRequest(request);
      request.notifyAbort(error);
    }
  }

  /** FCGI_ABORT_REQUEST was received. */
  onAbort(request: FastCGIRequest): void {
    this.output.write(encodeEndRequest(request.requestId, 0, ProtocolStatus.REQUEST_COMPLETE));
    request.ignoreStdin();
    if (request.keepConn) this.#table.forget(request);
    this.onComplete(request);
    request.notifyAbort();
  }

  /** Frees the id of a request whose response has ended. */
  #release(request: FastCGIRequest): void {
    const { input } = this.#connection;
    this.#table.end(request);
    input.touch();
    if (!request.awaitsStdin || !this.#table.has(request)) this.leave(request);
    // An application that still reads STDIN keeps the request; it counts towards `maxRequests`.
    else if (!request.isReadAfterResponse) request.discard();
  }

  // The end of STDIN

  resume(request: FastCGIRequest): void {
    this.#connection.input.resume(request);
  }

  onStdinEnd(request: FastCGIRequest): void {
    if (request.isEnded) {
      this.#owner.onRequestEnd(request);
      this.#connection.onLastStdin();
    } else if (request.endsAfterStdin && request.isComplete) {
      this.output.flush(request);
    }
  }

  onDiscard(request: FastCGIRequest): void {
    if (!request.isEnded || !request.awaitsStdin || !this.#table.has(request)) return;
    if (request.consumer === undefined && request.keepConn) {
      this.#table.forget(request);
      this.leave(request);
    } else {
      this.resume(request);
      this.#owner.onDiscard(request);
    }
  }

  /** Drops a request that needs nothing more. */
  leave(request: FastCGIRequest): void {
    // The empty record of STDIN may never come.
    if (request.hasWholeStdin && request.keepConn) this.#table.forget(request);
    this.resume(request);
    this.#owner.onRequestEnd(request);
  }

  /** The web server has begun another request with the same id. */
  onReplaced(request: FastCGIRequest): void {
    this.resume(request); // The rest of its STDIN will not come.
    this.#owner.onRequestEnd(request);
    request.notifyAbort();
  }

  letGo(request: FastCGIRequest, error?: Error): void {
    this.#table.forget(request);
    this.onLetGo(request, error);
  }

  /** The protocol state has dropped a request whose response is complete. */
  onLetGo(request: FastCGIRequest, error?: Error): void {
    this.#hasLetGo ||= !request.keepConn;
    this.resume(request);
    this.#owner.onRequestEnd(request);
    request.notifyAbort(error);
  }

  /** Ends requests because the web server sends no more: those whose input is not complete, or all. */
  abandon(isAll: boolean, error?: Error, isReported?: boolean): void {
    for (const request of this.#table.toArray()) {
      if (!isAll && request.hasAllInput) continue;
      this.#table.forget(request);
      this.#owner.onRequestEnd(request);
      request.notifyAbort(error, isReported);
    }
  }
}
