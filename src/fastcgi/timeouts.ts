import type { Server } from "node:http";
import { Role } from "../protocol/constants.ts";
import { TimeoutError } from "../protocol/errors.ts";
import type { ServerSettings } from "../server/options.ts";
import type { FastCGIConnection } from "./connection.ts";
import type { Linger } from "./linger.ts";
import type { FastCGIRequest } from "./request.ts";

/**
 * Looks after the time-outs of all connections with one timer: a timer per request would be a good part of its
 * cost.
 */
export class Timeouts {
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
    this.#timer = setInterval(() => this.#checkAll(), this.#settings.connectionsCheckingInterval);
    this.#timer.unref();
  }

  #checkAll(): void {
    if (this.#connections.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const tick = this.#advance();
    for (const connection of this.#connections) this.#check(connection, tick);
  }

  #check(connection: FastCGIConnection, tick: number): void {
    for (const request of connection.respondedRequests) this.#checkResponded(connection, request, tick);
    const age = this.#since(connection.activeTick, tick);
    if (connection.linger !== undefined) {
      this.#checkLinger(connection, connection.linger, tick);
    } else if (connection.requestCount === 0) {
      if (isOver(age, this.#settings.beginTimeout)) connection.fail(timeoutError("no request came", age));
    } else if (connection.isIdle) {
      this.#checkIdle(connection, age);
    } else {
      connection.probeAgain();
      // Who is not read cannot send: the clock stands still.
      if (connection.isPaused) connection.stopClock();
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

  #checkLinger(connection: FastCGIConnection, linger: Linger, tick: number): void {
    const { lingerTimeout, connectionsCheckingInterval } = this.#settings;
    // A response that a slow client has not taken yet is not cut off.
    if (connection.hasReaders || !connection.output.isEmpty) linger.restart(tick);
    else if (linger.isOver(tick, connectionsCheckingInterval, lingerTimeout, this.#server.requestTimeout)) {
      connection.socket.destroy();
    }
  }

  /** The rest of a body after the response: an application may read it, but need not wait for it for ever. */
  #checkResponded(connection: FastCGIConnection, request: FastCGIRequest, tick: number): void {
    // A reader may be slow, but does not make it last for ever.
    const stalled = request.isPaused && request.isReadOn ? 0 : this.#since(request.stdinTick, tick);
    const age = this.#since(request.startTick, tick);
    if (!isOver(stalled, this.#settings.stdinTimeout) && !isOver(age, this.#server.requestTimeout)) return;
    connection.letGo(request, timeoutError(`stdin of request ${request.requestId} stayed incomplete`, age));
  }

  #checkRequest(connection: FastCGIConnection, request: FastCGIRequest, tick: number): void {
    const age = this.#since(request.startTick, tick);
    if (!request.paramsEnded) {
      if (isOver(age, this.#server.headersTimeout)) {
        connection.fail(timeoutError(`params of request ${request.requestId} stayed incomplete`, age));
      }
      return;
    }
    const awaitsData = request.role === Role.FILTER && !request.filterData?.isEnded;
    if (!(request.awaitsStdin || awaitsData) || request.isPaused) return;
    const stalled = this.#since(request.stdinTick, tick);
    if (!isOver(stalled, this.#settings.stdinTimeout) && !isOver(age, this.#server.requestTimeout)) return;
    const what = `stdin of request ${request.requestId} stayed incomplete`;
    connection.failRequest(request, timeoutError(what, age));
  }

  #since(from: number, tick: number): number {
    return (tick - from) * this.#settings.connectionsCheckingInterval;
  }
}

function isOver(age: number, limit: number): boolean {
  return limit > 0 && age >= limit;
}

function timeoutError(what: string, age: number): TimeoutError {
  return new TimeoutError(`${what} for ${age} ms`);
}
