import type { Socket } from "node:net";
import { decodeParams, isUnderModFcgid } from "../cgi/params.ts";
import { ApplicationConnection } from "../connection/application.ts";
import type { ApplicationHandler } from "../connection/application-request.ts";
import { ProtocolStatus, Role } from "../protocol/constants.ts";
import { encodeEndRequest } from "../protocol/record.ts";
import type { ConnectionOwner } from "./connection-owner.ts";
import { foreignProtocol } from "./foreign-protocol.ts";
import { HalfCloseProbe } from "./half-close-probe.ts";
import { Linger } from "./linger.ts";
import { OutputScheduler } from "./output-scheduler.ts";
import { FastCGIRequest } from "./request.ts";

/** Bytes of memory that a piece of a body takes beside its content: one of one byte each is as good as full. */
const PIECE_OVERHEAD = 200;
/** A record of version 0: tells the web server that the answer is broken, where no reset can. */
const BROKEN_RECORD = Buffer.alloc(8);
const NONE: FastCGIRequest[] = [];

/** A web server's connection: its bytes, its requests, its end. */
export class FastCGIConnection implements ApplicationHandler<FastCGIRequest> {
  readonly socket: Socket;
  readonly output: OutputScheduler;
  readonly #owner: ConnectionOwner;
  readonly #protocol: ApplicationConnection<FastCGIRequest>;
  /** Requests whose unread STDIN keeps the connection paused. */
  #paused: Set<FastCGIRequest> | undefined = undefined;
  /** Output that nobody takes keeps the connection paused. */
  #isOutputFull = false;
  /** No further request is wanted: close when the open ones have ended. */
  #isClosing = false;
  /** Our side has ended; the peer's may not have. */
  #hasEnded = false;
  /** How long the connection drains its input, once our side has ended. */
  #linger: Linger | undefined = undefined;
  /** STDIN may be to come of a request that is not on the connection any more. */
  #hasLetGo = false;
  #isServerClosing = false;
  /** Asks whether a peer that has ended its side is gone. */
  #probe: HalfCloseProbe | undefined = undefined;
  /** Why the connection broke, where it did not end in order. */
  #failure: Error | undefined = undefined;
  #isFailureReported = false;
  /** Requests so far. */
  requestCount = 0;
  /** Clock tick of the last request's begin or end. */
  activeTick: number;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket;
    this.#owner = owner;
    this.activeTick = owner.tick;
    this.#protocol = new ApplicationConnection<FastCGIRequest>(this, owner.limits);
    this.output = new OutputScheduler(socket, this, owner.maxOutputLength);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("end", () => this.#onEnd());
    // ECONNRESET and EPIPE are how peers leave; `close` follows, and is what counts. After the peer's end they only
    // say what was asked: that it is gone.
    socket.on("error", (error: Error) => {
      if (!socket.readableEnded) this.#failure ??= error;
    });
    socket.on("close", () => this.#onClose());
  }

  get openRequests(): FastCGIRequest[] {
    return this.#protocol.requests.filter((request) => !request.isEnded);
  }

  /** Whether several requests are open. */
  get isShared(): boolean {
    return this.#protocol.openSize > 1;
  }

  get isIdle(): boolean {
    return this.#protocol.openSize === 0;
  }

  /** How long the connection drains its input; undefined as long as our side has not ended. */
  get linger(): Linger | undefined {
    return this.#linger;
  }

  /** Answered requests, the rest of whose STDIN is to come. */
  get respondedRequests(): FastCGIRequest[] {
    if (this.#protocol.size === this.#protocol.openSize) return NONE;
    return this.#protocol.requests.filter((request) => request.isEnded && request.awaitsStdin);
  }

  /** Whether an application reads on after its response. */
  get hasReaders(): boolean {
    return this.respondedRequests.some((request) => request.isReadOn);
  }

  get isMidRecord(): boolean {
    return this.#protocol.isMidRecord;
  }

  /** Whether we do not read at the moment. */
  get isPaused(): boolean {
    return this.#isOutputFull || (this.#paused !== undefined && this.#paused.size > 0);
  }

  #onData(chunk: Buffer): void {
    if (this.#hasEnded && !this.#drain(chunk.length)) return;
    try {
      const taken = this.#protocol.push(chunk);
      if (taken < chunk.length) this.socket.unshift(chunk.subarray(taken));
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      const protocol = foreignProtocol(this.socket, chunk);
      if (protocol === undefined) this.fail(failure);
      else this.#owner.onForeignProtocol(protocol, failure, this);
    }
  }

  /**
   * Drains input after the last response, up to `lingerLength`: closing with unread input would send RST. What an
   * application reads on is not drained, but limited as any body. Returns whether the input is to be looked at.
   */
  #drain(length: number): boolean {
    if (this.hasReaders) return true;
    if (this.#linger?.drain(length, this.#owner.tick)) return this.#protocol.size > 0;
    this.socket.pause(); // the clock destroys it
    return false;
  }

  /** Destroys the connection because of what the peer did. */
  fail(error: Error): void {
    if (this.socket.destroyed) return;
    this.#failure = error;
    this.#isFailureReported = true;
    this.#protocol.takeNoRequests();
    this.#protocol.stop();
    this.socket.destroy();
    this.#owner.onConnectionError(error, this.socket);
  }

  /** Ends a request because of what the peer did, and its connection with it if it carries no other. */
  failRequest(request: FastCGIRequest, error: Error): void {
    if (!request.isEnded && !this.isShared) {
      this.fail(error);
    } else {
      this.abortRequest(request);
      request.consumer?.onAbort(error);
    }
  }

  get maxBufferedStdin(): number {
    return this.#owner.maxBufferedStdin;
  }

  createRequest(requestId: number, role: number, keepConn: boolean): FastCGIRequest {
    this.requestCount++;
    // As node:http does with pipelined requests: no more of them while the responses of others wait.
    if (!this.isIdle && this.output.isOverfull) this.onFull();
    const request = new FastCGIRequest(this, requestId, role, keepConn);
    request.startTick = this.activeTick = this.#owner.tick;
    return request;
  }

  onRequest(request: FastCGIRequest): void {
    request.stdinTick = this.#owner.tick;
    this.#owner.onRequest(request);
  }

  onStdin(request: FastCGIRequest, chunk: Buffer): void {
    request.stdinTick = this.activeTick = this.#owner.tick;
    const { stdinRemaining } = request;
    if (stdinRemaining < 0) {
      request.consumer?.onStdin(chunk);
    } else if (stdinRemaining > 0) {
      // No more than CONTENT_LENGTH, and no waiting for the empty record: HAProxy 2.6 leaves it out for an empty
      // chunked upload.
      const content = chunk.length > stdinRemaining ? chunk.subarray(0, stdinRemaining) : chunk;
      request.stdinRemaining -= content.length;
      request.consumer?.onStdin(content);
      if (request.stdinRemaining === 0) {
        request.consumer?.onStdinEnd();
        if (request.isEnded) this.#leave(request);
      }
    }
    if (request.stdinRemaining === 0) this.resume(request);
    else if (request.isPaused) this.#holdBack(request, chunk.length);
  }

  #holdBack(request: FastCGIRequest, length: number): void {
    request.bufferedStdin += length + PIECE_OVERHEAD;
    // Neighbours on a connection are held up by a pause, those too that are still to come: they get some room.
    if (!request.keepConn || request.bufferedStdin >= this.#owner.maxBufferedStdin) {
      this.#paused ??= new Set();
      this.#paused.add(request);
      this.socket.pause();
    }
  }

  onStdinEnd(request: FastCGIRequest): void {
    if (request.stdinRemaining < 0) {
      request.consumer?.onStdinEnd();
    } else if (request.stdinRemaining > 0) {
      // Cut short: the browser went, or the web server lied.
      this.abortRequest(request);
      request.consumer?.onAbort();
    }
    this.resume(request);
    if (request.isEnded) this.#onEndedStdin(request);
    else if (request.endsAfterStdin && request.isComplete) this.output.flush(request);
  }

  /** The web server has sent all of a request that is answered already. */
  #onEndedStdin(request: FastCGIRequest): void {
    this.#owner.onRequestEnd(request);
    if (this.#hasEnded && this.#protocol.size === 0 && !this.#hasLetGo) this.#destroySoon();
  }

  /** Shifts the clock of what has not come whole: it is our side that does not read. */
  stopClock(): void {
    for (const request of this.#protocol.requests) {
      if (request.isPaused) continue;
      request.startTick++;
      request.stdinTick++;
    }
  }

  onData(request: FastCGIRequest, chunk: Buffer): void {
    request.stdinTick = this.activeTick = this.#owner.tick;
    request.consumer?.onData?.(chunk);
    if (request.isPaused) this.#holdBack(request, chunk.length);
  }

  onDataEnd(request: FastCGIRequest): void {
    request.consumer?.onDataEnd?.();
    this.resume(request);
  }

  onAbort(request: FastCGIRequest): void {
    this.output.write(encodeEndRequest(request.requestId, 0, ProtocolStatus.REQUEST_COMPLETE));
    request.isDiscarded = true;
    if (request.keepConn) this.#protocol.forget(request);
    this.#end(request);
    request.consumer?.onAbort();
  }

  onReplaced(request: FastCGIRequest): void {
    this.resume(request); // nothing more of its body will come
    this.#owner.onRequestEnd(request);
    request.consumer?.onAbort();
  }

  /** Forgets an answered request, whatever is to come of its STDIN. */
  letGo(request: FastCGIRequest, error?: Error): void {
    this.#protocol.forget(request);
    this.onLetGo(request, error);
  }

  onLetGo(request: FastCGIRequest, error?: Error): void {
    this.#hasLetGo ||= !request.keepConn;
    this.resume(request);
    this.#owner.onRequestEnd(request);
    request.consumer?.onAbort(error);
  }

  /** Nobody reads STDIN of `request` any more: once it is answered it need not be kept for that. */
  discard(request: FastCGIRequest): void {
    request.isDiscarded = true;
    if (!request.isEnded || !request.awaitsStdin || !this.#protocol.has(request)) return;
    if (request.consumer === undefined && request.keepConn) {
      this.#protocol.forget(request);
      this.#leave(request);
    } else {
      this.resume(request);
      this.#owner.onDiscard(request);
    }
  }

  onReply(bytes: Buffer, closes: boolean): void {
    this.output.write(bytes);
    if (closes) this.#close();
  }

  /** A peer that does not take what it asked for is not read either, not even what is here of its bytes. */
  onFull(): void {
    this.#isOutputFull = true;
    this.socket.pause();
    this.#protocol.stop();
    this.output.hearDrain();
  }

  pause(request: FastCGIRequest): void {
    request.isPaused = true;
  }

  /** Reads on, as far as this request goes: it is read, or nothing more of it is to come, or nobody will read it. */
  resume(request: FastCGIRequest): void {
    if (!request.isPaused) return;
    request.isPaused = false;
    request.bufferedStdin = 0;
    request.stdinTick = this.#owner.tick;
    if (this.#paused?.delete(request) && !this.isPaused) this.socket.resume();
  }

  /** The answer of a request has been handed over whole. */
  onComplete(request: FastCGIRequest): void {
    this.#end(request);
  }

  /** There is room for output again: what was not read because of that is read on. */
  onRoom(): void {
    if (!this.#isOutputFull || this.output.isOverfull) return;
    this.#isOutputFull = false;
    if (!this.isPaused && !this.socket.destroyed) this.socket.resume();
  }

  /** Takes an answered request off the connection, and the connection down where that is wanted. */
  #end(request: FastCGIRequest): void {
    this.#release(request);
    if (!request.keepConn) this.#isClosing = true;
    if (this.#isClosing && this.isIdle) this.#close();
  }

  #release(request: FastCGIRequest): void {
    this.#protocol.end(request);
    this.activeTick = this.#owner.tick;
    if (!request.awaitsStdin || !this.#protocol.has(request)) this.#leave(request);
    // Unless its application reads on: then it counts as an open one.
    else if (!request.isReadOn) this.discard(request);
  }

  /** Nothing more has to be read of an answered request. */
  #leave(request: FastCGIRequest): void {
    // The empty record may never come where all of the body is here.
    if (request.stdinRemaining === 0 && request.keepConn) this.#protocol.forget(request);
    this.resume(request);
    this.#owner.onRequestEnd(request);
  }

  /**
   * Ends a request whose answer cannot be completed.
   *
   * A clean end looks complete to nginx, Caddy and h2o, so a connection that carries no other request is reset.
   * Not under mod_fcgid, which would replace the whole process.
   */
  abortRequest(request: FastCGIRequest): void {
    if (request.isEnded) {
      if (this.#protocol.has(request)) this.letGo(request);
      return;
    }
    request.isDiscarded = true;
    const isShared =
      this.#protocol.openSize > 1 ||
      this.hasReaders ||
      (!request.keepConn && request.paramsEnded && isUnderModFcgid(decodeParams(request.params)));
    if (isShared) {
      this.output.write(encodeEndRequest(request.requestId, 1, ProtocolStatus.REQUEST_COMPLETE));
      this.#end(request);
      return;
    }
    const { socket } = this;
    this.#startLinger();
    this.#release(request);
    if (socket.remoteAddress !== undefined && this.output.isPlainSocket) {
      socket.resetAndDestroy();
    } else {
      // A unix socket knows no reset.
      this.output.sendReplies();
      if (request.hasStdout && socket.writable) socket.write(BROKEN_RECORD);
      this.#destroySoon();
    }
  }

  /** Closes after the last open request; an idle connection stays open for one more. */
  closeAfterRequests(): void {
    this.#isServerClosing = true;
    this.#isClosing = true;
  }

  /** Closes an idle connection. */
  closeIfIdle(): void {
    if (this.isIdle && !this.isMidRecord) this.#close();
  }

  #close(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { socket } = this;
    this.output.sendReplies();
    if (this.#protocol.size > 0 || this.#hasLetGo || this.isMidRecord) {
      this.#startLinger();
      socket.end(); // with input unread, a close would reset the connection under the last answer
    } else if (socket.writableLength > 0 || this.#isServerClosing) {
      this.#startLinger();
      // When the server closes, its `close` comes after those of the last request.
      this.#destroySoon();
    } else {
      socket.destroy(); // all is the kernel's: no need to shut down first
    }
  }

  #startLinger(): void {
    this.#hasEnded = true;
    this.#linger = new Linger(this.#owner.tick, this.#owner.lingerLength);
    this.#protocol.takeNoRequests();
  }

  /** Destroys the connection when what was written has left. */
  #destroySoon(): void {
    const { socket } = this;
    this.output.sendReplies();
    // A connection that was passed to the `connection` event may be any Duplex.
    if (typeof socket.destroySoon === "function") socket.destroySoon();
    else socket.end(() => socket.destroy());
  }

  #onEnd(): void {
    for (const request of this.#protocol.requests) {
      const { role, filterData } = request;
      const hasAll = request.paramsEnded && !request.awaitsStdin;
      if (!hasAll || (role === Role.FILTER && !filterData?.isEnded)) this.#abandon(request);
    }
    if (this.isIdle) {
      this.#destroySoon();
      return;
    }
    this.#isClosing = true;
    const request = this.openRequests[0];
    if (request !== undefined) this.#probe ??= new HalfCloseProbe(this.output, request.requestId);
  }

  /** Asks once more whether a peer that has ended its side is gone. */
  probeAgain(): void {
    this.#probe?.again();
  }

  #onClose(): void {
    for (const request of this.#protocol.requests) {
      this.#abandon(request);
    }
    this.#owner.onConnectionClose(this);
  }

  /** Ends a request whose web server is gone. */
  #abandon(request: FastCGIRequest): void {
    this.#protocol.forget(request);
    this.#owner.onRequestEnd(request);
    request.consumer?.onAbort(this.#failure, this.#isFailureReported);
  }
}
