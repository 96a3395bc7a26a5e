import type { Socket } from "node:net";
import { decodeParams, isUnderModFcgid } from "../cgi/params.ts";
import { ApplicationConnection } from "../connection/application.ts";
import type { ApplicationHandler } from "../connection/application-request.ts";
import { ProtocolStatus } from "../protocol/constants.ts";
import { encodeEndRequest } from "../protocol/record.ts";
import { ConnectionOutput } from "./connection-output.ts";
import type { ConnectionOwner } from "./connection-owner.ts";
import { FastCGIRequest } from "./fastcgi-request.ts";
import { PeerProbe } from "./peer-probe.ts";

/** Bytes of memory that a piece of a body takes beside its content: one of one byte each is as good as full. */
const PIECE_OVERHEAD = 200;
const NO_REQUESTS: FastCGIRequest[] = [];
/** A record of version 0: tells the web server that the answer is broken, where no reset can. */
const BROKEN_RECORD = Buffer.alloc(8);

/** A web server's connection: its bytes, its requests, its end. */
export class FastCGIConnection implements ApplicationHandler<FastCGIRequest> {
  readonly socket: Socket;
  readonly output: ConnectionOutput;
  readonly #owner: ConnectionOwner;
  readonly #protocol: ApplicationConnection<FastCGIRequest>;
  /** Requests whose unread STDIN keeps the connection paused. */
  #paused: Set<FastCGIRequest> | undefined = undefined;
  /** No further request is wanted: close when the open ones have ended. */
  #isClosing = false;
  /** Our side has ended; the peer's may not have. */
  #hasEnded = false;
  #isServerClosing = false;
  /** Asks whether a peer that has ended its side is gone. */
  #probe: PeerProbe | undefined = undefined;
  #lingered = 0;
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
    this.output = new ConnectionOutput(socket, this, owner.maxOutputLength);
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

  /** Answered requests whose body the application still reads. */
  get readers(): FastCGIRequest[] {
    if (this.#protocol.size === this.#protocol.openSize) return NO_REQUESTS;
    return this.#protocol.requests.filter((request) => request.isEnded && request.consumer?.isReading);
  }

  get hasReaders(): boolean {
    return this.readers.length > 0;
  }

  get isLingering(): boolean {
    return this.#hasEnded;
  }

  get isMidRecord(): boolean {
    return this.#protocol.isMidRecord;
  }

  get isPaused(): boolean {
    return this.#paused !== undefined && this.#paused.size > 0;
  }

  #onData(chunk: Buffer): void {
    if (this.#hasEnded && !this.hasReaders && !this.#linger(chunk.length)) return;
    try {
      this.#protocol.push(chunk);
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Reads on after the last answer, as a close with unread input resets the connection: with a limit. */
  #linger(length: number): boolean {
    this.#lingered += length;
    this.activeTick = this.#owner.tick;
    if (this.#lingered <= this.#owner.lingerLength) return this.#protocol.size > 0;
    this.socket.pause(); // the clock destroys it
    return false;
  }

  /** Destroys the connection because of what the peer did. */
  fail(error: Error): void {
    if (this.socket.destroyed) return;
    this.#failure = error;
    this.#isFailureReported = true;
    this.socket.destroy();
    this.#owner.onConnectionError(error, this.socket);
  }

  createRequest(requestId: number, role: number, keepConn: boolean): FastCGIRequest {
    this.requestCount++;
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
      if (request.stdinRemaining === 0) request.consumer?.onStdinEnd();
    }
    if (request.stdinRemaining === 0) this.resume(request);
    else if (request.isPaused) this.#holdBack(request, chunk.length);
  }

  #holdBack(request: FastCGIRequest, length: number): void {
    request.stdinAhead += length + PIECE_OVERHEAD;
    // Neighbours on a connection are held up by a pause, those too that are still to come: they get some room.
    if (!request.keepConn || request.stdinAhead >= this.#owner.maxStdinAhead) {
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
    if (request.isEnded) this.#onEndedStdin();
    else if (request.endsAfterStdin && request.isComplete) this.output.flush(request);
  }

  /** The web server has sent all of a request that is answered already. */
  #onEndedStdin(): void {
    if (this.#hasEnded && this.#protocol.size === 0) this.#destroySoon();
  }

  onData(request: FastCGIRequest, chunk: Buffer): void {
    request.consumer?.onData?.(chunk);
    if (request.isPaused) this.#holdBack(request, chunk.length);
  }

  onDataEnd(request: FastCGIRequest): void {
    request.consumer?.onDataEnd?.();
    this.resume(request);
  }

  onAbort(request: FastCGIRequest): void {
    this.output.write(encodeEndRequest(request.requestId, 0, ProtocolStatus.REQUEST_COMPLETE));
    this.#end(request);
    request.consumer?.onAbort();
  }

  onReplaced(request: FastCGIRequest): void {
    this.resume(request); // nothing more of its body will come
    request.consumer?.onAbort();
    this.#onEndedStdin();
  }

  onReply(bytes: Buffer, closes: boolean): void {
    this.output.write(bytes);
    if (closes) this.#close();
    // A peer that asks without reading the answers is not read either.
    else if (this.socket.writableLength > this.#owner.maxOutputLength && this.socket.writableNeedDrain) {
      this.socket.pause();
      this.output.hearDrain();
    }
  }

  pause(request: FastCGIRequest): void {
    request.isPaused = true;
  }

  /** Reads on, as far as this request goes: it is read, or nothing more of it is to come, or nobody will read it. */
  resume(request: FastCGIRequest): void {
    if (!request.isPaused) return;
    request.isPaused = false;
    request.stdinAhead = 0;
    request.stdinTick = this.#owner.tick;
    if (this.#paused?.delete(request) && this.#paused.size === 0) this.socket.resume();
  }

  /** The answer of a request has been handed over whole. */
  onComplete(request: FastCGIRequest): void {
    this.#end(request);
  }

  /** There is room for output again: what was not read because of that is read on. */
  onRoom(): void {
    if (!this.isPaused && !this.socket.destroyed && this.socket.isPaused() && !this.#hasEnded) {
      this.socket.resume();
    }
  }

  /** Takes an answered request off the connection, and the connection down where that is wanted. */
  #end(request: FastCGIRequest): void {
    this.#release(request);
    if (!request.keepConn) this.#isClosing = true;
    if (this.#isClosing && this.isIdle) this.#close();
  }

  #release(request: FastCGIRequest): void {
    this.#protocol.end(request);
    // The empty record may never come where all of the body is here.
    if (request.stdinRemaining === 0 && request.keepConn) this.#protocol.forget(request);
    this.activeTick = this.#owner.tick;
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
    if (request.isEnded) return;
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
    this.#hasEnded = true;
    this.#release(request);
    if (socket.remoteAddress !== undefined && this.output.isPlainSocket) {
      socket.resetAndDestroy();
    } else {
      // A unix socket knows no reset.
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
    if (this.#protocol.size > 0 || this.isMidRecord) {
      socket.end(); // with input unread, a close would reset the connection under the last answer
    } else if (socket.writableLength > 0 || this.#isServerClosing) {
      // When the server closes, its `close` comes after those of the last request.
      this.#destroySoon();
    } else {
      socket.destroy(); // all is the kernel's: no need to shut down first
    }
  }

  /** Destroys the connection when what was written has left. */
  #destroySoon(): void {
    const { socket } = this;
    // A connection that was passed to the `connection` event may be any Duplex.
    if (typeof socket.destroySoon === "function") socket.destroySoon();
    else socket.end(() => socket.destroy());
  }

  #onEnd(): void {
    for (const request of this.#protocol.requests) {
      if (!request.paramsEnded || !(request.stdinEnded || request.stdinRemaining === 0))
        this.#abandon(request);
    }
    if (this.isIdle) {
      this.#destroySoon();
      return;
    }
    this.#isClosing = true;
    const request = this.openRequests[0];
    if (request !== undefined) this.#probe ??= new PeerProbe(this.output, request.requestId);
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
    const wasOpen = !request.isEnded;
    this.#protocol.forget(request);
    if (wasOpen) this.#owner.onRequestEnd(request);
    request.consumer?.onAbort(this.#failure, this.#isFailureReported);
  }
}
