import type { ApplicationHandler } from "../connection/application-request.ts";
import { Role } from "../protocol/constants.ts";
import { FilterRequest } from "./filter-request.ts";
import { FastCGIRequest, type RequestConnection } from "./request.ts";

/** What input needs of the server. */
export interface InputOwner {
  /** Number of the current tick of the server's coarse clock. */
  readonly tick: number;
  /** Bytes of STDIN that a request may buffer before its connection is paused, if the connection is kept. */
  readonly maxBufferedStdin: number;
  /** The params of a request are complete. */
  onRequest(request: FastCGIRequest): void;
}

/** What input needs of its connection. */
export interface InputConnection {
  readonly socket: { readonly destroyed: boolean; pause(): void; resume(): void };
  readonly output: { readonly isOverfull: boolean; listenToDrain(): void };
  readonly protocol: {
    readonly requests: { readonly openSize: number; toArray(): FastCGIRequest[] };
    stop(): void;
  };
  readonly requests: InputRequests;
  onReply(bytes: Buffer, closes: boolean): void;
}

/** What input needs of the requests of its connection. */
export interface InputRequests extends RequestConnection {
  /** The end of STDIN of a request was received. */
  onStdinEnd(request: FastCGIRequest): void;
  /** A request whose response is complete has all its STDIN. */
  leave(request: FastCGIRequest): void;
  /** FCGI_ABORT_REQUEST was received. */
  onAbort(request: FastCGIRequest): void;
  /** Another request took the id of one whose response is complete. */
  onReplaced(request: FastCGIRequest): void;
  /** A request whose response is complete was dropped. */
  onLetGo(request: FastCGIRequest): void;
}

/** The input of a connection: makes requests, delivers their streams, and pauses the socket. */
export class ConnectionInput implements ApplicationHandler<FastCGIRequest> {
  readonly #connection: InputConnection;
  readonly #owner: InputOwner;
  #requestCount = 0;
  #activeTick: number;
  /** Requests whose buffered STDIN pauses the socket. */
  #paused: Set<FastCGIRequest> | undefined = undefined;
  /** Output that the web server does not read pauses the socket. */
  #isOverfull = false;

  constructor(connection: InputConnection, owner: InputOwner) {
    this.#connection = connection;
    this.#owner = owner;
    this.#activeTick = owner.tick;
  }

  /** Number of requests so far. */
  get requestCount(): number {
    return this.#requestCount;
  }

  /** Clock tick of the last begin, input or end of a request. */
  get activeTick(): number {
    return this.#activeTick;
  }

  /** Notes that a request has ended. */
  touch(): void {
    this.#activeTick = this.#owner.tick;
  }

  // Pausing

  /** Whether the socket is not read at the moment. */
  get isPaused(): boolean {
    return this.#isOverfull || (this.#paused !== undefined && this.#paused.size > 0);
  }

  /** A pause affects all requests of a connection: if it is kept, some STDIN is buffered before. */
  #holdBack(request: FastCGIRequest, length: number): void {
    const buffered = request.countBuffered(length);
    if (request.keepConn && buffered < this.#owner.maxBufferedStdin) return;
    this.#paused ??= new Set();
    this.#paused.add(request);
    this.#connection.socket.pause();
  }

  /** Reads on, as far as `request` is concerned: it wants STDIN, or expects none, or nobody reads it. */
  resume(request: FastCGIRequest): void {
    if (!request.isPaused) return;
    request.endPause(this.#owner.tick);
    if (this.#paused?.delete(request) && !this.isPaused) this.#connection.socket.resume();
  }

  /** Stops reading while the web server does not read its output; unparsed input is kept in the socket. */
  stopForOutput(): void {
    const { socket, protocol, output } = this.#connection;
    this.#isOverfull = true;
    socket.pause();
    protocol.stop();
    output.listenToDrain();
  }

  /** Reads on after {@link stopForOutput} if enough output was sent. */
  resumeAfterOutput(): void {
    const { socket, output } = this.#connection;
    if (!this.#isOverfull || output.isOverfull) return;
    this.#isOverfull = false;
    if (!this.isPaused && !socket.destroyed) socket.resume();
  }

  /** Stops the clocks of the requests for one tick if the socket is not read: nothing can arrive. */
  skipTickIfPaused(): void {
    if (!this.isPaused) return;
    for (const request of this.#connection.protocol.requests.toArray())
      if (!request.isPaused) request.skipTick();
  }

  // Records, called by the protocol

  createRequest(requestId: number, role: number, keepConn: boolean): FastCGIRequest {
    const { output, protocol, requests } = this.#connection;
    this.#requestCount++;
    // As node:http with pipelined requests: no further request is read while responses wait to be sent.
    if (protocol.requests.openSize > 0 && output.isOverfull) this.stopForOutput();
    const { tick } = this.#owner;
    this.#activeTick = tick;
    return role === Role.FILTER
      ? new FilterRequest(requests, requestId, role, keepConn, tick)
      : new FastCGIRequest(requests, requestId, role, keepConn, tick);
  }

  onRequest(request: FastCGIRequest): void {
    request.touch(this.#owner.tick);
    this.#owner.onRequest(request);
  }

  onStdin(request: FastCGIRequest, chunk: Buffer): void {
    this.#touch(request);
    request.takeStdin(chunk);
    if (request.hasWholeStdin) {
      if (request.isEnded) this.#connection.requests.leave(request);
      else this.resume(request);
    } else if (request.isPaused) {
      this.#holdBack(request, chunk.length);
    }
  }

  onStdinEnd(request: FastCGIRequest): void {
    if (!request.takeStdinEnd()) {
      // The client left, or the web server sent a wrong CONTENT_LENGTH.
      this.#connection.requests.abortRequest(request);
      request.notifyAbort();
    }
    this.resume(request);
    this.#connection.requests.onStdinEnd(request);
  }

  onData(request: FastCGIRequest, chunk: Buffer): void {
    this.#touch(request);
    request.takeData(chunk);
    if (request.isPaused) this.#holdBack(request, chunk.length);
  }

  onDataEnd(request: FastCGIRequest): void {
    request.takeDataEnd();
    this.resume(request);
  }

  onAbort(request: FastCGIRequest): void {
    this.#connection.requests.onAbort(request);
  }

  onReplaced(request: FastCGIRequest): void {
    this.#connection.requests.onReplaced(request);
  }

  onLetGo(request: FastCGIRequest): void {
    this.#connection.requests.onLetGo(request);
  }

  onReply(bytes: Buffer, closes: boolean): void {
    this.#connection.onReply(bytes, closes);
  }

  #touch(request: FastCGIRequest): void {
    const { tick } = this.#owner;
    this.#activeTick = tick;
    request.touch(tick);
  }
}
