import net, { type Socket } from "node:net";
import { WebServerConnection } from "../connection/web-server.ts";
import type { WebServerHandler } from "../connection/web-server-request.ts";
import { type Address, describeAddress } from "../listen/address.ts";
import type { ProtocolStatus } from "../protocol/constants.ts";
import { ConnectionClosedError, FastCGIError } from "../protocol/errors.ts";
import type { ClientRequest } from "./client-request.ts";

/** Time in ms that an application has to confirm FCGI_ABORT_REQUEST before its connection is destroyed. */
const ABORT_TIMEOUT_MS = 1000;

/** What a {@link ClientConnection} tells its client. */
export interface ConnectionOwner {
  /** A request ended: the connection may take another. */
  onRelease(connection: ClientConnection): void;
  /** The connection is closed; its open requests hear it afterwards. */
  onClose(connection: ClientConnection, error: Error): void;
}

/** One connection to an application, with the requests open on it. */
export class ClientConnection implements WebServerHandler<ClientRequest> {
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #name: string;
  readonly #protocol: WebServerConnection<ClientRequest> = new WebServerConnection(this);
  /** Requests begun, neither ended nor aborted. */
  readonly #requests: Map<number, ClientRequest> = new Map();
  /** Requests whose answer is not read at present: one is enough to stop reading. */
  readonly #stalled: Set<ClientRequest> = new Set();
  /** Requests aborted and not confirmed: since when. */
  readonly #aborted: Map<number, number> = new Map();
  #begun = 0;
  #isUsable = true;
  /** Why we closed the connection. */
  #reason: Error | undefined;
  /** What the system reported. */
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

  /** Requests whose FCGI_END_REQUEST is still to come. */
  get openRequests(): number {
    return this.#protocol.openRequests;
  }

  /** Whether another request may begin here, now or after the present one. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** Begins a request. */
  begin(request: ClientRequest): void {
    const socket = this.#socket;
    socket.ref();
    socket.setTimeout(0);
    // One write for the request and what is there of its body.
    socket.cork();
    const { requestId, bytes } = this.#protocol.begin(request, request);
    this.#requests.set(requestId, request);
    if (!request.keepConn || this.#protocol.isExhausted) this.#isUsable = false;
    this.#send(bytes);
    request.attach(this, requestId, this.#begun > 0);
    this.#begun++;
    socket.uncork();
  }

  /** Writes part of a stream; false while the connection has enough to send. */
  write(type: 5 | 8, requestId: number, content: Uint8Array): boolean {
    this.#socket.cork();
    this.#send(this.#protocol.stream(type, requestId, content));
    this.#socket.uncork();
    return !this.#socket.writableNeedDrain;
  }

  writeEnd(type: 5 | 8, requestId: number): void {
    this.#send(this.#protocol.streamEnd(type, requestId));
  }

  /** Stops reading, for all requests of the connection, until {@link resume}: it has one flow control. */
  pause(request: ClientRequest): void {
    this.#stalled.add(request);
    this.#socket.pause();
  }

  resume(request: ClientRequest): void {
    if (this.#stalled.delete(request) && this.#stalled.size === 0) this.#socket.resume();
  }

  /** Ends a request before its answer ended; its request hears no more. */
  abort(request: ClientRequest, requestId: number): void {
    if (!this.#requests.delete(requestId)) return;
    this.resume(request);
    // On a connection that is to be closed, too: FIN alone could mean that only we have no more to say.
    this.#send(this.#protocol.abort(requestId));
    const isAlone = this.#requests.size === 0;
    if (isAlone && (!request.keepConn || this.#socket.connecting)) {
      this.destroy();
      return;
    }
    this.#aborted.set(requestId, performance.now());
    this.#abortTimer ??= setTimeout(this.#checkAborted, ABORT_TIMEOUT_MS).unref();
  }

  /** Asks for values; the listener hears the first answer. */
  getValues(names: Iterable<string>, listener: (values: Map<string, string>) => void): void {
    this.#valuesListener = listener;
    this.#send(this.#protocol.getValues(names));
  }

  /** Lets the process end while nothing is asked of the connection, and closes it after a time. */
  idle(timeout: number): void {
    this.#socket.unref();
    this.#socket.setTimeout(timeout);
  }

  /** Closes the connection at once; open requests fail with `error`. */
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
    // Where the body was cut short by an early answer, not all applications find the next request.
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
      // Anything else is a fault of this library's, and not to be taken for the application's.
      if (!(error instanceof FastCGIError)) throw error;
      return;
    }
    if (this.#protocol.endedRequests === ended) return;
    if (this.#isUsable) this.#owner.onRelease(this);
    // In mid-abort, too: what is not to be used again has nothing to wait for.
    else if (this.#requests.size === 0) this.destroy();
  }

  #onDrain(): void {
    for (const request of this.#requests.values()) request.onDrain();
  }

  /** An application that does not confirm an abort gets no further request; its others may end. */
  readonly #checkAborted = (): void => {
    this.#abortTimer = undefined;
    const [oldest] = this.#aborted.values();
    if (oldest === undefined) return;
    const left = oldest + ABORT_TIMEOUT_MS - performance.now();
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
    const what = cause ? `failed: ${cause.message}` : "was closed before the answer was complete";
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
