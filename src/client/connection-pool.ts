import { type Address, describeAddress } from "../listen/address.ts";
import { ValueName } from "../protocol/constants.ts";
import { ConnectionClosedError, LimitError, TimeoutError } from "../protocol/errors.ts";
import { ClientConnection, type ConnectionOwner } from "./client-connection.ts";
import type { ClientRequest, RequestOwner } from "./client-request.ts";

/** Requests that we have open at once on one multiplexed connection, whatever the application allows. */
const MAX_MULTIPLEXED = 100;

/** How connections are shared and kept. */
export interface PoolOptions {
  /**
   * Whether several requests share a connection where the application says that it allows it: it is asked once,
   * by FCGI_GET_VALUES, before the first request. Connections are kept then. They have one flow control: an
   * answer that is read slowly slows down its neighbours.
   *
   * @defaultValue false
   */
  multiplex?: boolean | undefined;
  /** Connections at once; requests beyond wait for their turn. @defaultValue 100 */
  maxConnections?: number | undefined;
  /**
   * Requests that may wait for a connection; one beyond is refused with `ERR_FCGI_LIMIT`.
   *
   * @defaultValue 10000
   */
  maxWaitingRequests?: number | undefined;
  /** Time in ms after which a kept connection without a request is closed; 0 for never. @defaultValue 10000 */
  keepAliveTimeout?: number | undefined;
}

/** The connections to one application, and the requests that wait for one. */
export class ConnectionPool implements ConnectionOwner, RequestOwner {
  readonly #target: Address;
  readonly #keepAliveTimeout: number;
  readonly #maxQueued: number;
  readonly #connections: Set<ClientConnection> = new Set();
  /** Connections without a request, the one used last at the end. */
  readonly #idle: Set<ClientConnection> = new Set();
  readonly #queue: Set<ClientRequest> = new Set();
  /** Connections of {@link getValues}. */
  readonly #questions: Set<ClientConnection> = new Set();
  readonly #onClosed: (() => void)[] = [];
  #maxConnections: number;
  /** Requests at once on a connection; undefined until the application was asked. */
  #perConnection: number | undefined;
  #isAsking = false;
  #isClosed = false;

  constructor(target: Address, options: PoolOptions) {
    this.#target = target;
    this.#keepAliveTimeout = options.keepAliveTimeout ?? 10000;
    this.#maxConnections = options.maxConnections ?? 100;
    this.#maxQueued = options.maxWaitingRequests ?? 10000;
    if (!options.multiplex) this.#perConnection = 1;
  }

  /** Sends a request as soon as a connection is there for it. */
  submit(request: ClientRequest): void {
    if (this.#isClosed) {
      request.abort(closedError());
      return;
    }
    if (this.#perConnection === undefined) this.#ask();
    this.#dispatch(request, this.#idleConnection() ?? this.#sharedConnection(request));
  }

  /** Sends a request again, on a new connection, unless the client is closed. */
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
      // The application would close the connection after this one, under its neighbours.
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

  /** Refuses further requests and closes what is idle; resolves when the last request ended. */
  close(): Promise<void> {
    this.#isClosed = true;
    for (const connection of this.#idle) connection.destroy();
    return new Promise((resolve) => {
      this.#onClosed.push(resolve);
      this.#checkClosed();
    });
  }

  destroy(error: Error): void {
    this.#isClosed = true;
    for (const request of this.#queue) request.abort(error);
    for (const connection of [...this.#connections, ...this.#questions]) connection.destroy(error);
  }

  /** Asks the application for values, on a connection of its own. */
  getValues(names: Iterable<string>, timeout: number): Promise<Map<string, string>> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw closedError();
      const question = Array.from(names);
      let timer: NodeJS.Timeout | undefined;
      const connection = new ClientConnection(this.#target, {
        onRelease: () => {},
        onClose: (_, error) => {
          clearTimeout(timer);
          this.#questions.delete(connection);
          reject(error);
          this.#checkClosed();
        },
      });
      this.#questions.add(connection);
      if (timeout > 0) {
        timer = setTimeout(() => {
          const message = `${describeAddress(this.#target)} did not answer FCGI_GET_VALUES within ${timeout} ms`;
          connection.destroy(new TimeoutError(message));
        }, timeout);
      }
      try {
        connection.getValues(question, (values) => {
          resolve(values);
          connection.destroy();
        });
      } catch (error) {
        // Names that do not fit into a record.
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
    // The one used last: it is the least likely to be stale, and the others get their time-out.
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
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.getValues(Object.values(ValueName), 1000)
      // An application that does not answer does not multiplex; if it is not there, the requests find out.
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
    if (this.#connections.size + this.#questions.size + this.#queue.size > 0) return;
    for (const resolve of this.#onClosed.splice(0)) resolve();
  }
}

/** Reads a number that an application gave, no larger than our own; what is no number from 1 says nothing. */
function readCount(text: string | undefined, most: number): number {
  return text !== undefined && /^0*[1-9]\d*$/.test(text) ? Math.min(Number(text), most) : most;
}

function closedError(): ConnectionClosedError {
  return new ConnectionClosedError("the FastCGI client is closed");
}

function limitError(most: number): LimitError {
  return new LimitError(`more than ${most} requests wait for a connection (maxWaitingRequests)`);
}
