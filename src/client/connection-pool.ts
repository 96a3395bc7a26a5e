import { type Address, describeAddress } from "../listen/address.ts";
import { ValueName } from "../protocol/constants.ts";
import { ConnectionClosedError, LimitError, TimeoutError } from "../protocol/errors.ts";
import { ClientConnection, type ConnectionOwner } from "./client-connection.ts";
import type { FastCGIClientOptions } from "./client-options.ts";
import type { ClientRequest, RequestOwner } from "./client-request.ts";

/** Requests that are open at once on a connection, however many the application allows. */
const MAX_MULTIPLEXED = 100;

/**
 * The connections to one application, and the queue of requests for which there is none.
 *
 * With `multiplex`, all requests are queued until the application responded to FCGI_GET_VALUES. Requests are
 * dispatched to the connection that was idle last, to one that they may share, or to a new one, in this order.
 */
export class ConnectionPool implements ConnectionOwner, RequestOwner {
  readonly #target: Address;
  readonly #keepAliveTimeout: number;
  readonly #maxQueued: number;
  readonly #connections: Set<ClientConnection> = new Set();
  /** Connections without a request; the one that was used last is at the end. */
  readonly #idle: Set<ClientConnection> = new Set();
  readonly #queue: Set<ClientRequest> = new Set();
  /** Connections of {@link getValues}; they do not count towards `maxConnections`. */
  readonly #valueConnections: Set<ClientConnection> = new Set();
  readonly #onClosed: (() => void)[] = [];
  #maxConnections: number;
  /** Requests at once on a connection; undefined until the application responded to FCGI_GET_VALUES. */
  #perConnection: number | undefined;
  #hasAsked = false;
  #isClosed = false;

  constructor(target: Address, options: FastCGIClientOptions) {
    this.#target = target;
    this.#keepAliveTimeout = options.keepAliveTimeout ?? 10000;
    this.#maxConnections = options.maxConnections ?? 100;
    this.#maxQueued = options.maxWaitingRequests ?? 10000;
    if (!options.multiplex) this.#perConnection = 1;
  }

  /** Sends a request, or queues it. */
  submit(request: ClientRequest): void {
    if (this.#isClosed) {
      request.abort(closedError());
      return;
    }
    if (this.#perConnection === undefined) this.#ask();
    this.#dispatch(request, this.#idleConnection() ?? this.#sharedConnection(request));
  }

  /** Sends a request again, on a new connection. */
  onStale(request: ClientRequest): boolean {
    if (this.#isClosed) return false;
    this.#dispatch(request, undefined);
    return true;
  }

  onCancel(request: ClientRequest): void {
    this.#queue.delete(request);
    this.#checkClosed();
  }

  onRelease(connection: ClientConnection): void {
    for (const request of this.#queue) {
      if (connection.openRequests >= this.#perConnection! || !connection.isUsable) return;
      // The application closes the connection after a request without FCGI_KEEP_CONN, and with it the others.
      if (connection.openRequests > 0 && !request.keepConn) continue;
      this.#queue.delete(request);
      connection.begin(request);
    }
    if (connection.openRequests > 0) return;
    if (this.#isClosed) {
      connection.destroy();
      return;
    }
    this.#idle.add(connection);
    connection.idle(this.#keepAliveTimeout);
  }

  onClose(connection: ClientConnection): void {
    this.#connections.delete(connection);
    this.#idle.delete(connection);
    this.#sendQueued();
    this.#checkClosed();
  }

  /** Rejects new requests and closes idle connections; resolves when the last connection is closed. */
  close(): Promise<void> {
    this.#isClosed = true;
    for (const connection of this.#idle) connection.destroy();
    return new Promise((resolve) => {
      this.#onClosed.push(resolve);
      this.#checkClosed();
    });
  }

  /** Closes all connections; running and queued requests fail with `error`. */
  destroy(error: Error): void {
    this.#isClosed = true;
    for (const request of this.#queue) request.abort(error);
    for (const connection of [...this.#connections, ...this.#valueConnections]) connection.destroy(error);
  }

  /** Sends FCGI_GET_VALUES on a new connection, which is closed afterwards. */
  getValues(names: Iterable<string>, timeout: number): Promise<Map<string, string>> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw closedError();
      const nameList = Array.from(names);
      let timer: NodeJS.Timeout | undefined;
      const connection = new ClientConnection(this.#target, {
        onRelease: () => {},
        onClose: (_, error) => {
          clearTimeout(timer);
          this.#valueConnections.delete(connection);
          reject(error);
          this.#checkClosed();
        },
      });
      this.#valueConnections.add(connection);
      if (timeout > 0) {
        timer = setTimeout(() => {
          const message = `${describeAddress(this.#target)} did not respond to FCGI_GET_VALUES within ${timeout} ms`;
          connection.destroy(new TimeoutError(message));
        }, timeout);
      }
      try {
        connection.getValues(nameList, (values) => {
          resolve(values);
          connection.destroy();
        });
      } catch (error) {
        // The names are too long for a record.
        connection.destroy();
        throw error;
      }
    });
  }

  #dispatch(request: ClientRequest, free: ClientConnection | undefined): void {
    const connection = free ?? this.#newConnection();
    if (connection === undefined) {
      if (this.#queue.size < this.#maxQueued) this.#queue.add(request);
      else request.abort(limitError(this.#maxQueued));
      return;
    }
    this.#idle.delete(connection);
    connection.begin(request);
  }

  #idleConnection(): ClientConnection | undefined {
    // The one that was used last: it is the least likely to be stale, and the others reach keepAliveTimeout.
    let last: ClientConnection | undefined;
    for (const connection of this.#idle) if (connection.isUsable) last = connection;
    return last;
  }

  #sharedConnection(request: ClientRequest): ClientConnection | undefined {
    const perConnection = this.#perConnection ?? 1;
    if (perConnection === 1 || !request.keepConn) return undefined;
    for (const connection of this.#connections) {
      if (connection.isUsable && connection.openRequests < perConnection) return connection;
    }
    return undefined;
  }

  #newConnection(): ClientConnection | undefined {
    if (this.#perConnection === undefined || this.#connections.size >= this.#maxConnections) return undefined;
    const connection = new ClientConnection(this.#target, this);
    this.#connections.add(connection);
    return connection;
  }

  #sendQueued(): void {
    for (const request of this.#queue) {
      const connection = this.#sharedConnection(request) ?? this.#newConnection();
      if (connection === undefined) return;
      this.#queue.delete(request);
      this.#dispatch(request, connection);
    }
  }

  #ask(): void {
    if (this.#hasAsked) return;
    this.#hasAsked = true;
    this.getValues(Object.values(ValueName), 1000)
      // An application that does not respond is taken not to multiplex. Connection errors are left to the requests.
      .catch(() => new Map<string, string>())
      .then((values) => {
        const isAllowed = values.get(ValueName.MPXS_CONNS) === "1";
        const maxRequests = readCount(values.get(ValueName.MAX_REQS), MAX_MULTIPLEXED);
        this.#perConnection = isAllowed ? maxRequests : 1;
        this.#maxConnections = readCount(values.get(ValueName.MAX_CONNS), this.#maxConnections);
        this.#sendQueued();
      });
  }

  #checkClosed(): void {
    if (!this.#isClosed) return;
    if (this.#connections.size + this.#valueConnections.size + this.#queue.size > 0) return;
    for (const resolve of this.#onClosed.splice(0)) resolve();
  }
}

/** Reads a value of an application; returns `most` if it is larger, or no integer from 1. */
function readCount(text: string | undefined, most: number): number {
  return text !== undefined && /^0*[1-9]\d*$/.test(text) ? Math.min(Number(text), most) : most;
}

function closedError(): ConnectionClosedError {
  return new ConnectionClosedError("the FastCGI client is closed");
}

function limitError(most: number): LimitError {
  return new LimitError(`more than ${most} requests are queued (maxWaitingRequests)`);
}
