import { DeferredRequest } from "../fastcgi/deferred-request.ts";
import type { FastCGIRequest } from "../fastcgi/request.ts";

/** Limits on the requests of a server; lengths are bytes. */
export interface RequestLimits {
  readonly maxRequests: number;
  /** Requests without a reader that are kept for their STDIN. */
  readonly maxDiscarded: number;
  /** Params of these requests in all. */
  readonly maxDiscardedLength: number;
}

/**
 * Counts the requests of a server.
 *
 * - Open requests keep an application busy: from FCGI_BEGIN_REQUEST to the end of the response, or of STDIN if the
 *   application still reads it. `maxRequests` of them are accepted.
 * - Deferred requests wait for the first byte of a body of unknown length; no application has seen them. As many more
 *   may wait.
 * - Discarded requests have their response, and wait for the end of STDIN that nobody reads.
 */
export class RequestCounter {
  readonly #limits: RequestLimits;
  #open = 0;
  readonly #deferred: Set<FastCGIRequest> = new Set();
  /** With the length of their params. */
  readonly #discarded: Map<FastCGIRequest, number> = new Map();
  #discardedLength = 0;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  /** Whether more requests are open than may be. */
  get isOverloaded(): boolean {
    return this.#open > this.#limits.maxRequests;
  }

  /** Counts an open request. */
  begin(request: FastCGIRequest): void {
    this.#open++;
    request.isCounted = true;
  }

  /** Forgets a request. Idempotent. */
  end(request: FastCGIRequest): void {
    if (request.isCounted) this.#open--;
    request.isCounted = false;
    if (this.#deferred.size > 0) this.#deferred.delete(request);
    if (this.#discarded.size > 0) {
      this.#discardedLength -= this.#discarded.get(request) ?? 0;
      this.#discarded.delete(request);
    }
  }

  /**
   * Defers an open request until the first of its body, or the end.
   *
   * @param start is called with whether there is a body, once the request counts as open again
   * @returns the oldest deferred request if there are too many: it is not deferred any more
   */
  defer(request: FastCGIRequest, start: (hasBody: boolean) => void): FastCGIRequest | undefined {
    this.end(request);
    this.#deferred.add(request);
    request.consumer = new DeferredRequest(request, (hasBody) => {
      this.#deferred.delete(request);
      request.consumer = undefined;
      this.begin(request);
      start(hasBody);
    });
    if (this.#deferred.size <= this.#limits.maxRequests) return undefined;
    const [oldest] = this.#deferred;
    if (oldest === undefined) return undefined;
    this.#deferred.delete(oldest);
    oldest.consumer = undefined;
    return oldest;
  }

  /** Counts a discarded request that was ended before; drops the oldest ones beyond the limits. */
  discard(request: FastCGIRequest): void {
    const { length } = request.params;
    this.#discarded.set(request, length);
    this.#discardedLength += length;
    const { maxDiscarded, maxDiscardedLength } = this.#limits;
    for (const oldest of this.#discarded.keys()) {
      if (
        this.#discarded.size <= maxDiscarded &&
        (this.#discardedLength <= maxDiscardedLength || oldest === request)
      )
        return;
      oldest.connection.letGo(oldest);
    }
  }
}
