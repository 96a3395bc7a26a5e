import type { ApplicationHandler, ApplicationRequest } from "./application-request.ts";

/**
 * The requests of one connection by id: open ones, and those whose response is complete and whose STDIN is not.
 *
 * `maxRequests` limits each of the two kinds.
 */
export class RequestTable<R extends ApplicationRequest> {
  readonly #handler: Pick<ApplicationHandler<R>, "onLetGo">;
  readonly #maxRequests: number;
  /** Fast path: most connections have one request at a time. A Map takes 1 µs, 2 % of a connection for one request. */
  #only: R | undefined = undefined;
  #others: Map<number, R> | undefined = undefined;
  #openSize = 0;
  #current: R | undefined = undefined;

  /** @param handler is told of requests that are dropped because of `maxRequests` */
  constructor(handler: Pick<ApplicationHandler<R>, "onLetGo">, maxRequests: number) {
    this.#handler = handler;
    this.#maxRequests = maxRequests;
  }

  /** Number of open requests. */
  get openSize(): number {
    return this.#openSize;
  }

  /** Number of requests. */
  get size(): number {
    return (this.#only === undefined ? 0 : 1) + (this.#others?.size ?? 0);
  }

  /** Whether no other request can be open. */
  get isFull(): boolean {
    return this.#openSize >= this.#maxRequests;
  }

  /** The request selected last; undefined if it was forgotten since. */
  get current(): R | undefined {
    return this.#current;
  }

  /** Returns the requests as an array of its own. */
  toArray(): R[] {
    const requests = this.#others === undefined ? [] : [...this.#others.values()];
    if (this.#only !== undefined) requests.push(this.#only);
    return requests;
  }

  /** Returns the request of an id. */
  get(requestId: number): R | undefined {
    const only = this.#only;
    return only !== undefined && only.requestId === requestId ? only : this.#others?.get(requestId);
  }

  /** Makes the request of this id the current one. */
  select(requestId: number): R | undefined {
    this.#current = this.get(requestId);
    return this.#current;
  }

  /** Whether the table holds a request; false if it holds a later one of the same id. */
  has(request: R): boolean {
    return this.#only === request || this.#others?.get(request.requestId) === request;
  }

  /** Adds an open request. */
  add(request: R): void {
    this.#openSize++;
    if (this.#only === undefined) {
      this.#only = request;
    } else {
      this.#others ??= new Map();
      this.#others.set(request.requestId, request);
    }
  }

  /** Ends an open request, whose id is free then. It is kept while STDIN may arrive. */
  end(request: R): void {
    if (request.isEnded) return;
    request.isEnded = true;
    this.#openSize--;
    if (request.stdinEnded || !request.paramsEnded) this.forget(request);
    else if (this.size - this.#openSize > this.#maxRequests) this.#letOldestGo(request);
  }

  /** Drops a request: its later records are skipped. */
  forget(request: R): void {
    if (!request.isEnded) {
      request.isEnded = true;
      this.#openSize--;
    }
    if (this.#only === request) this.#only = undefined;
    else if (this.has(request)) this.#others?.delete(request.requestId);
    if (this.#current === request) this.#current = undefined;
  }

  /** STDIN of a request may never end. */
  #letOldestGo(latest: R): void {
    const oldest = this.toArray().find((request) => request.isEnded && request !== latest) ?? latest;
    this.forget(oldest);
    this.#handler.onLetGo(oldest);
  }
}
