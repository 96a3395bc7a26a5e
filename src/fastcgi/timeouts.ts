import { TimeoutError } from "../protocol/errors.ts";

/** Options that the time-outs read at each check; times are milliseconds, and 0 is no limit. */
export interface TimeoutSettings {
  /** Time between two checks. */
  readonly connectionsCheckingInterval: number;
  readonly beginTimeout: number;
  readonly stdinTimeout: number;
  readonly lingerTimeout: number;
}

/** Properties of an http.Server, which may change while it runs. */
export interface TimeoutServer {
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  readonly maxRequestsPerSocket: number | null;
}

/** What the time-outs need of a request. */
export interface TimedRequest {
  readonly requestId: number;
  readonly paramsEnded: boolean;
  readonly hasAllInput: boolean;
  readonly isPaused: boolean;
  readonly isReadAfterResponse: boolean;
  readonly startTick: number;
  readonly stdinTick: number;
}

/** What the time-outs need of a connection. */
export interface TimedConnection<R extends TimedRequest> {
  readonly protocol: { readonly isMidRecord: boolean };
  readonly input: { readonly requestCount: number; readonly activeTick: number; skipTickIfPaused(): void };
  readonly output: { readonly length: number };
  readonly requests: {
    readonly isIdle: boolean;
    readonly hasReaders: boolean;
    readonly open: R[];
    readonly responded: R[];
    failRequest(request: R, error: Error): void;
    letGo(request: R, error: Error): void;
  };
  /** Set while the connection drains its input. */
  readonly linger: TimedLinger | undefined;
  closeIfIdle(): void;
  destroy(): void;
  fail(error: Error): void;
  probeAgain(): void;
}

/** What the time-outs need of a {@link Linger}. */
export interface TimedLinger {
  restart(tick: number): void;
  isOver(tick: number, tickLength: number, timeout: number, maxTime: number): boolean;
}

/**
 * The time-outs of all connections of a server.
 *
 * One timer and a clock of coarse ticks serve all of them: a timer per request would be a good part of its cost.
 */
export class Timeouts<R extends TimedRequest> {
  readonly #server: TimeoutServer;
  readonly #settings: TimeoutSettings;
  readonly #connections: ReadonlySet<TimedConnection<R>>;
  readonly #advance: () => number;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param advance advances the clock and returns the new tick */
  constructor(
    server: TimeoutServer,
    settings: TimeoutSettings,
    connections: ReadonlySet<TimedConnection<R>>,
    advance: () => number,
  ) {
    this.#server = server;
    this.#settings = settings;
    this.#connections = connections;
    this.#advance = advance;
  }

  /** Starts the timer, unless it runs. It stops when there are no connections. */
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

  #check(connection: TimedConnection<R>, tick: number): void {
    const { input, requests } = connection;
    for (const request of requests.responded) this.#checkResponded(connection, request, tick);
    const age = this.#since(input.activeTick, tick);
    if (connection.linger !== undefined) {
      this.#checkLinger(connection, connection.linger, tick);
    } else if (input.requestCount === 0) {
      if (isOver(age, this.#settings.beginTimeout)) connection.fail(timeoutError("no request came", age));
    } else if (requests.isIdle) {
      this.#checkIdle(connection, age);
    } else {
      connection.probeAgain();
      input.skipTickIfPaused();
      for (const request of requests.open) this.#checkRequest(connection, request, tick);
    }
  }

  #checkIdle(connection: TimedConnection<R>, age: number): void {
    const { headersTimeout, keepAliveTimeout, maxRequestsPerSocket } = this.#server;
    if (connection.protocol.isMidRecord) {
      if (isOver(age, headersTimeout)) connection.fail(timeoutError("a record stayed incomplete", age));
      return;
    }
    const max = maxRequestsPerSocket ?? 0;
    // Closed only when idle: requests beyond the limit are served until then.
    const isUsedUp = max > 0 && connection.input.requestCount >= max;
    if (isUsedUp || isOver(age, keepAliveTimeout)) connection.closeIfIdle();
  }

  #checkLinger(connection: TimedConnection<R>, linger: TimedLinger, tick: number): void {
    const { lingerTimeout, connectionsCheckingInterval } = this.#settings;
    // A response that is still being sent to a slow client is not cut off.
    if (connection.requests.hasReaders || connection.output.length > 0) linger.restart(tick);
    else if (linger.isOver(tick, connectionsCheckingInterval, lingerTimeout, this.#server.requestTimeout)) {
      connection.destroy();
    }
  }

  /** Limits how long STDIN may arrive after the response, whether an application reads it or not. */
  #checkResponded(connection: TimedConnection<R>, request: R, tick: number): void {
    // A slow reader may pause, but only `requestTimeout` long.
    const stalled =
      request.isPaused && request.isReadAfterResponse ? 0 : this.#since(request.stdinTick, tick);
    const age = this.#since(request.startTick, tick);
    if (this.#isStdinOver(stalled, age)) connection.requests.letGo(request, stdinError(request, age));
  }

  #checkRequest(connection: TimedConnection<R>, request: R, tick: number): void {
    const age = this.#since(request.startTick, tick);
    if (!request.paramsEnded) {
      if (isOver(age, this.#server.headersTimeout)) {
        connection.fail(timeoutError(`params of request ${request.requestId} stayed incomplete`, age));
      }
    } else if (!request.hasAllInput && !request.isPaused) {
      const stalled = this.#since(request.stdinTick, tick);
      if (this.#isStdinOver(stalled, age)) connection.requests.failRequest(request, stdinError(request, age));
    }
  }

  #isStdinOver(stalled: number, age: number): boolean {
    return isOver(stalled, this.#settings.stdinTimeout) || isOver(age, this.#server.requestTimeout);
  }

  #since(from: number, tick: number): number {
    return (tick - from) * this.#settings.connectionsCheckingInterval;
  }
}

function isOver(age: number, limit: number): boolean {
  return limit > 0 && age >= limit;
}

function stdinError(request: TimedRequest, age: number): TimeoutError {
  return timeoutError(`stdin of request ${request.requestId} stayed incomplete`, age);
}

function timeoutError(what: string, age: number): TimeoutError {
  return new TimeoutError(`${what} for ${age} ms`);
}
