import net, { type Socket } from "node:net";
import { WebServerConnection } from "../connection/web-server.ts";
import type { WebServerHandler } from "../connection/web-server-request.ts";
import { type Address, describeAddress } from "../listen/address.ts";
import type { InputStreamType, ProtocolStatus } from "../protocol/constants.ts";
import { ConnectionClosedError, FastCGIError } from "../protocol/errors.ts";
import type { ClientRequest, RequestConnection } from "./client-request.ts";

/** Time in ms that an application has to confirm FCGI_ABORT_REQUEST before its connection is destroyed. */
const ABORT_TIMEOUT = 1000;

/** What a {@link ClientConnection} needs of its pool. */
export interface ConnectionOwner {
  /** A request ended and the connection can take another. */
  onRelease(connection: ClientConnection): void;
  /** The connection is closed. Its open requests fail after this call. */
  onClose(connection: ClientConnection, error: Error): void;
}

/**
 * One connection to an application and the requests that are open on it.
 *
 * It is usable until it was closed, took a request without FCGI_KEEP_CONN, or can no longer be trusted (a request
 * ended before its body was sent, an abort was not confirmed). Unusable connections close after their last request.
 */
export class ClientConnection implements WebServerHandler<ClientRequest>, RequestConnection {
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #name: string;
  readonly #protocol: WebServerConnection<ClientRequest> = new WebServerConnection(this);
  /** Requests that have begun and neither ended nor were aborted, by id. */
  readonly #requests: Map<number, ClientRequest> = new Map();
  /** Requests whose response is not read. The socket is paused while there is one. */
  readonly #stalled: Set<ClientRequest> = new Set();
  /** Times of aborts that the application has not confirmed, by request id; the oldest is first. */
  readonly #aborted: Map<number, number> = new Map();
  #begun = 0;
  #isUsable = true;
  /** Error with which the connection was destroyed by this side. */
  #reason: Error | undefined;
  /** Error of the socket. */
  #cause: Error | undefined;
  #abortTimer: NodeJS.Timeout | undefined;
  #valuesListener: ((values: Map<string, string>) => void) | undefined;

  constructor(target: Address, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#name = describeAddress(target);
    this.#socket = net.connect(target);
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (chunk) => this.#onData(chunk));
    this.#socket.on("drain", () => this.#onDrain());
    this.#socket.on("end", () => this.#socket.destroy());
    this.#socket.on("timeout", () => this.destroy());
    this.#socket.on("error", (error) => {
      this.#cause ??= error;
    });
    this.#socket.on("close", () => this.#onClose());
  }

  /** Number of requests without FCGI_END_REQUEST, aborted ones included. */
  get openRequests(): number {
    return this.#protocol.openRequests;
  }

  /** Whether another request can begin, now or after the current one. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** Sends the params of a request and attaches it, so that it sends its body. */
  begin(request: ClientRequest): void {
    const socket = this.#socket;
    socket.ref();
    socket.setTimeout(0);
    // One write for the params and the part of the body that is available.
    socket.cork();
    const { requestId, bytes } = this.#protocol.begin(request, request);
    this.#requests.set(requestId, request);
    if (!request.keepConn || this.#protocol.isExhausted) this.#isUsable = false;
    this.#send(bytes);
    request.attach(this, requestId, this.#begun > 0);
    this.#begun++;
    socket.uncork();
  }

  /** See {@link RequestConnection.write}. */
  write(type: InputStreamType, requestId: number, content: Uint8Array): boolean {
    this.#socket.cork();
    this.#send(this.#protocol.stream(type, requestId, content));
    this.#socket.uncork();
    return !this.#socket.writableNeedDrain;
  }

  /** See {@link RequestConnection.writeEnd}. */
  writeEnd(type: InputStreamType, requestId: number): void {
    this.#send(this.#protocol.streamEnd(type, requestId));
  }

  /** Stops reading until {@link resume}, for all requests of the connection: FastCGI has no flow control for each. */
  pause(request: ClientRequest): void {
    this.#stalled.add(request);
    this.#socket.pause();
  }

  /** Reads on, if no other request is paused. */
  resume(request: ClientRequest): void {
    if (this.#stalled.delete(request) && this.#stalled.size === 0) this.#socket.resume();
  }

  /** Sends FCGI_ABORT_REQUEST. No method of the request is called afterwards. */
  abort(request: ClientRequest, requestId: number): void {
    if (!this.#requests.delete(requestId)) return;
    this.resume(request);
    // Sent even if the connection is closed next: an application may take FIN for a half-close.
    this.#send(this.#protocol.abort(requestId));
    const isAlone = this.#requests.size === 0;
    if (isAlone && (!request.keepConn || this.#socket.connecting)) {
      this.destroy();
      return;
    }
    this.#aborted.set(requestId, performance.now());
    this.#abortTimer ??= setTimeout(this.#checkAborted, ABORT_TIMEOUT).unref();
  }

  /** Sends FCGI_GET_VALUES; the listener is called with the result. */
  getValues(names: Iterable<string>, listener: (values: Map<string, string>) => void): void {
    this.#valuesListener = listener;
    this.#send(this.#protocol.getValues(names));
  }

  /** Marks the connection idle: it no longer keeps the process alive, and closes after `timeout` ms. */
  idle(timeout: number): void {
    this.#socket.unref();
    this.#socket.setTimeout(timeout);
  }

  /** Closes the connection immediately; open requests fail with `error`. */
  destroy(error?: Error): void {
    this.#reason ??= error;
    this.#isUsable = false;
    this.#socket.destroy();
  }

  onStdout(request: ClientRequest, content: Buffer): void {
    request.onStdout(content);
  }

  onStderr(request: ClientRequest, content: Buffer): void {
    request.onStderr(content);
  }

  onEnd(request: ClientRequest, appStatus: number, protocolStatus: ProtocolStatus): void {
    this.#requests.delete(request.requestId);
    this.resume(request);
    // After an early response the rest of the body is not sent. Not all applications then find the next request.
    if (!request.isBodySent) this.#isUsable = false;
    request.onEnd(appStatus, protocolStatus);
  }

  onAbortConfirmed(request: ClientRequest): void {
    this.#aborted.delete(request.requestId);
  }

  onValues(values: Map<string, string>): void {
    this.#valuesListener?.(values);
  }

  #send(buffers: Uint8Array[]): void {
    for (const buffer of buffers) this.#socket.write(buffer);
  }

  #onData(chunk: Buffer): void {
    const ended = this.#protocol.endedRequests;
    try {
      this.#protocol.push(chunk);
    } catch (error) {
      this.destroy(error instanceof Error ? error : undefined);
      // A bug of this library, not an error of the application.
      if (!(error instanceof FastCGIError)) throw error;
      return;
    }
    if (this.#protocol.endedRequests === ended) return;
    if (this.#isUsable) this.#owner.onRelease(this);
    // Does not wait for the confirmation of aborts: the connection is not used again.
    else if (this.#requests.size === 0) this.destroy();
  }

  #onDrain(): void {
    for (const request of this.#requests.values()) request.onDrain();
  }

  /** Stops using a connection whose application does not confirm aborts. Its other requests continue. */
  readonly #checkAborted = (): void => {
    this.#abortTimer = undefined;
    const [oldest] = this.#aborted.values();
    if (oldest === undefined) return;
    const left = oldest + ABORT_TIMEOUT - performance.now();
    if (left > 0) {
      this.#abortTimer = setTimeout(this.#checkAborted, left).unref();
      return;
    }
    this.#isUsable = false;
    if (this.#requests.size === 0) this.destroy();
  };

  #onClose(): void {
    this.#isUsable = false;
    clearTimeout(this.#abortTimer);
    const cause = this.#cause;
    const what = cause ? `failed: ${cause.message}` : "was closed before the response was complete";
    const error = this.#reason ?? new ConnectionClosedError(`connection to ${this.#name} ${what}`, { cause });
    this.#owner.onClose(this, error);
    const requests = [...this.#requests];
    this.#requests.clear();
    for (const [requestId, request] of requests) {
      const isStale = this.#reason === undefined && !this.#protocol.hasBegun(requestId);
      request.onClose(error, isStale);
    }
  }
}
