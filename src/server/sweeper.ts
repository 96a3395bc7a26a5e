import type { Server } from "node:http";
import { ProtocolError } from "../protocol/errors.ts";
import type { FastCGIConnection } from "./fastcgi-connection.ts";
import type { FastCGIRequest } from "./fastcgi-request.ts";
import type { ServerSettings } from "./options.ts";

/**
 * Looks after the time-outs of all connections with one timer: a timer per request would be a good part of its
 * cost.
 */
export class Sweeper {
  readonly #server: Server;
  readonly #settings: ServerSettings;
  readonly #connections: ReadonlySet<FastCGIConnection>;
  readonly #advance: () => number;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param advance advances the clock and returns the new tick */
  constructor(
    server: Server,
    settings: ServerSettings,
    connections: ReadonlySet<FastCGIConnection>,
    advance: () => number,
  ) {
    this.#server = server;
    this.#settings = settings;
    this.#connections = connections;
    this.#advance = advance;
  }

  /** Starts the timer, unless it runs; it stops by itself when there are no connections. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#sweep(), this.#settings.connectionsCheckingInterval);
    this.#timer.unref();
  }

  #sweep(): void {
    if (this.#connections.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const tick = this.#advance();
    for (const connection of this.#connections) this.#check(connection, tick);
  }

  #check(connection: FastCGIConnection, tick: number): void {
    const { readers } = connection;
    for (const request of readers) this.#checkReader(request, tick);
    if (readers.length > 0 && connection.isIdle) return;
    const age = this.#since(connection.activeTick, tick);
    if (connection.isLingering) {
      if (age >= this.#settings.lingerTimeout) connection.socket.destroy();
    } else if (connection.requestCount === 0) {
      if (isOver(age, this.#settings.beginTimeout)) connection.fail(timeoutError("no request came", age));
    } else if (connection.isIdle) {
      this.#checkIdle(connection, age);
    } else {
      connection.probeAgain();
      for (const request of connection.openRequests) this.#checkRequest(connection, request, tick);
    }
  }

  #checkIdle(connection: FastCGIConnection, age: number): void {
    if (connection.isMidRecord) {
      if (isOver(age, this.#server.headersTimeout)) {
        connection.fail(timeoutError("a record stayed incomplete", age));
      }
      return;
    }
    const { keepAliveTimeout, maxRequestsPerSocket } = this.#server;
    const hasHadEnough =
      maxRequestsPerSocket !== null &&
      maxRequestsPerSocket > 0 &&
      connection.requestCount >= maxRequestsPerSocket;
    // After the last request allowed the connection goes only once it is idle: later ones are still answered.
    if (hasHadEnough || isOver(age, keepAliveTimeout)) connection.closeIfIdle();
  }

  #checkRequest(connection: FastCGIConnection, request: FastCGIRequest, tick: number): void {
    const age = this.#since(request.startTick, tick);
    if (!request.paramsEnded) {
      if (isOver(age, this.#server.headersTimeout)) {
        connection.fail(timeoutError(`params of request ${request.requestId} stayed incomplete`, age));
      }
      return;
    }
    if (request.stdinEnded || request.stdinRemaining === 0 || request.isPaused) return;
    const stalled = this.#since(request.stdinTick, tick);
    if (!isOver(stalled, this.#settings.stdinTimeout) && !isOver(age, this.#server.requestTimeout)) return;
    const error = timeoutError(`stdin of request ${request.requestId} stayed incomplete`, age);
    if (connection.openRequests.length === 1) {
      connection.fail(error);
    } else {
      connection.abortRequest(request);
      request.consumer?.onAbort();
    }
  }

  /** Gives up a body that is still read after its answer, but does not come; no reader makes it last for ever. */
  #checkReader(request: FastCGIRequest, tick: number): void {
    const age = this.#since(request.startTick, tick);
    const stalled = request.isPaused ? 0 : this.#since(request.stdinTick, tick);
    if (!isOver(stalled, this.#settings.stdinTimeout) && !isOver(age, this.#server.requestTimeout)) return;
    const error = timeoutError(`stdin of request ${request.requestId} stayed incomplete`, age);
    request.connection.resume(request);
    request.consumer?.onAbort(error);
  }

  #since(from: number, tick: number): number {
    return (tick - from) * this.#settings.connectionsCheckingInterval;
  }
}

function isOver(age: number, limit: number): boolean {
  return limit > 0 && age >= limit;
}

function timeoutError(what: string, age: number): ProtocolError {
  return new ProtocolError("ERR_FCGI_TIMEOUT", `${what} for ${age} ms`);
}
