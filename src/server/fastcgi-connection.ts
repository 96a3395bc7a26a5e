import { Socket } from "node:net";
import { decodeParams } from "../cgi/params.ts";
import { ApplicationConnection, type ApplicationHandler } from "../connection/application.ts";
import { ProtocolStatus, RecordType } from "../protocol/constants.ts";
import { encodeEndRequest, encodeStream, encodeStreamEnd } from "../protocol/record.ts";
import type { ConnectionOwner } from "./connection-owner.ts";
import { FastCGIRequest } from "./fastcgi-request.ts";
import {
  encodeChunks,
  fitsSlab,
  MAX_COPIED_LENGTH,
  outputSlab,
  replaceOutputSlab,
  takeChunks,
  writeChunks,
  writeEnd,
  writeText,
} from "./record-output.ts";

const EMPTY = Buffer.alloc(0);
/** What one request may send before another one of the same connection has its turn. */
const SHARED_TURN_LENGTH = 65528;
/** Milliseconds after which a peer that may be gone is asked again; then at every sweep. */
const PROBE_DELAYS = [1, 5, 25, 125];
/** A record of version 0: tells the web server that the answer is broken, where no reset can. */
const BROKEN_RECORD = Buffer.alloc(8);

/** A web server's connection: its bytes, its requests, its end. */
export class FastCGIConnection implements ApplicationHandler<FastCGIRequest> {
  readonly socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #protocol: ApplicationConnection<FastCGIRequest>;
  /** Whether bytes given to `socket.write()` are the kernel's when it returns with nothing queued. */
  readonly #canShareSlab: boolean;
  // Sets come into being when they are needed: most connections carry one small request.
  /** Requests that have output left, in the order of their turns. */
  #waiting: FastCGIRequest[] | undefined = undefined;
  /** Requests whose unread STDIN keeps the connection paused. */
  #paused: Set<FastCGIRequest> | undefined = undefined;
  /** Requests whose writers wait for `drain`. */
  #draining: Set<FastCGIRequest> | undefined = undefined;
  #hearsDrain = false;
  /** No further request is wanted: close when the open ones have ended. */
  #isClosing = false;
  /** Our side has ended; the peer's may not have. */
  #hasEnded = false;
  #isServerClosing = false;
  #isProbed = false;
  #lingered = 0;
  /** Requests so far. */
  requestCount = 0;
  /** Clock tick of the last request's begin or end. */
  activeTick: number;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket;
    this.#owner = owner;
    this.activeTick = owner.tick;
    this.#protocol = new ApplicationConnection<FastCGIRequest>(this, owner.limits);
    this.#canShareSlab = socket instanceof Socket && !("encrypted" in socket);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("end", () => this.#onEnd());
    // ECONNRESET and EPIPE are how peers leave; `close` follows, and is what counts.
    socket.on("error", ignore);
    socket.on("close", () => this.#onClose());
  }

  get openRequests(): FastCGIRequest[] {
    return this.#protocol.requests.filter((request) => !request.isEnded);
  }

  get isIdle(): boolean {
    return this.#protocol.openSize === 0;
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
    if (this.#hasEnded && !this.#linger(chunk.length)) return;
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
    if (request.isPaused) this.#holdBack(request, chunk.length);
  }

  #holdBack(request: FastCGIRequest, length: number): void {
    request.stdinAhead += length;
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
    if (request.isEnded) this.#onEndedStdin();
  }

  /** The web server has sent all of a request that is answered already. */
  #onEndedStdin(): void {
    if (this.#hasEnded && this.#protocol.size === 0) this.socket.destroySoon();
  }

  onData(request: FastCGIRequest, chunk: Buffer): void {
    request.consumer?.onData?.(chunk);
    if (request.isPaused) this.#holdBack(request, chunk.length);
  }

  onDataEnd(request: FastCGIRequest): void {
    request.consumer?.onDataEnd?.();
  }

  onAbort(request: FastCGIRequest): void {
    this.write(encodeEndRequest(request.requestId, 0, ProtocolStatus.REQUEST_COMPLETE));
    this.#end(request);
    request.consumer?.onAbort();
  }

  onReplaced(request: FastCGIRequest): void {
    request.consumer?.onAbort();
  }

  onReply(bytes: Buffer, closes: boolean): void {
    this.write(bytes);
    if (closes) this.#close();
    // A peer that asks without reading the answers is not read either.
    else if (this.socket.writableLength > this.#owner.maxOutputLength) {
      this.socket.pause();
      this.#hearDrain();
    }
  }

  write(bytes: Uint8Array): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** Sends what a request has queued, and its end if it is complete, as far as there is room. */
  flush(request: FastCGIRequest): void {
    if (request.isWaiting || !this.socket.writable) return;
    if (this.socket.writableLength >= SHARED_TURN_LENGTH) {
      this.#wait(request);
      return;
    }
    if (request.chunks === undefined && fitsSlab(request)) {
      request.hasStdout ||= request.text !== "";
      request.queuedLength = 0;
      const end = writeText(request);
      this.#sendSlab(request.isComplete ? writeEnd(outputSlab(), end, request) : end);
      this.#flushed(request);
    } else {
      this.#flushChunks(request);
    }
  }

  #flushChunks(request: FastCGIRequest): void {
    const chunks = request.takeText();
    const isAlone = this.#protocol.openSize === 1;
    const { taken, length } = takeChunks(chunks, isAlone ? this.#owner.maxOutputLength : SHARED_TURN_LENGTH);
    request.queuedLength -= length;
    request.hasStdout ||= length > 0;
    const isAll = chunks.length === 0;
    if (isAll) request.chunks = undefined;
    const isLast = isAll && request.isComplete;
    if (length <= MAX_COPIED_LENGTH) {
      const end = writeChunks(request.requestId, taken, isLast);
      this.#sendSlab(isLast ? writeEnd(outputSlab(), end, request) : end);
    } else {
      const { socket } = this;
      socket.cork();
      for (const buffer of encodeChunks(request.requestId, taken)) socket.write(buffer);
      if (isLast) {
        const end = Buffer.allocUnsafe(32);
        socket.write(end.subarray(0, writeEnd(end, 0, request)));
      }
      socket.uncork();
    }
    if (isAll) this.#flushed(request);
    else this.#wait(request);
  }

  #sendSlab(length: number): void {
    if (length === 0) return;
    const { socket } = this;
    const bytes = outputSlab().subarray(0, length);
    if (!this.#canShareSlab || socket.writableLength > 0) {
      socket.write(Buffer.from(bytes));
    } else {
      socket.write(bytes);
      if (socket.writableLength > 0) replaceOutputSlab();
    }
  }

  #flushed(request: FastCGIRequest): void {
    if (request.isComplete) this.#end(request);
    if (!request.isHolding) request.consumer?.onFlushed();
  }

  #wait(request: FastCGIRequest): void {
    request.isWaiting = true;
    this.#waiting ??= [];
    this.#waiting.push(request);
    this.#hearDrain();
    // Room may be there at once, if the kernel took all.
    if (this.socket.writableLength === 0) process.nextTick(drainConnection, this);
  }

  #hearDrain(): void {
    if (this.#hearsDrain) return;
    this.#hearsDrain = true;
    this.socket.on("drain", () => this.#onDrain());
  }

  drain(): void {
    this.#onDrain();
  }

  #onDrain(): void {
    // Each waiting request has one turn; who is not done is at the end of the row again.
    const waiting = this.#waiting ?? [];
    for (let turns = waiting.length; turns > 0 && this.socket.writable; turns--) {
      const request = waiting.shift()!;
      request.isWaiting = false;
      if (!request.isEnded) this.flush(request);
    }
    const draining = this.#draining;
    if (draining !== undefined && this.socket.writableLength < SHARED_TURN_LENGTH) {
      this.#draining = undefined;
      for (const request of draining) request.consumer?.onDrain();
    }
    if (!this.isPaused && !this.socket.destroyed && this.socket.isPaused() && !this.#hasEnded)
      this.socket.resume();
  }

  /** Whether output of `request` is on its way; its consumer will then hear `onDrain`. */
  needsDrain(request: FastCGIRequest): boolean {
    if (!request.isWaiting && (this.socket.writableLength === 0 || !this.socket.writableNeedDrain))
      return false;
    this.#draining ??= new Set();
    this.#draining.add(request);
    this.#hearDrain();
    return true;
  }

  whenSent(callback: () => void): void {
    if (this.socket.destroyed) process.nextTick(callback);
    else this.socket.write(EMPTY, () => callback());
  }

  writeStderr(request: FastCGIRequest, chunk: Uint8Array): void {
    for (const bytes of encodeStream(RecordType.STDERR, request.requestId, chunk)) {
      this.write(bytes);
      request.hasStderr = true;
    }
  }

  pause(request: FastCGIRequest): void {
    request.isPaused = true;
  }

  resume(request: FastCGIRequest): void {
    if (!request.isPaused) return;
    request.isPaused = false;
    request.stdinAhead = 0;
    request.stdinTick = this.#owner.tick;
    if (this.#paused?.delete(request) && this.#paused.size === 0) this.socket.resume();
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
    if (request.stdinRemaining === 0) this.#protocol.forget(request);
    this.activeTick = this.#owner.tick;
    this.resume(request);
    this.#draining?.delete(request);
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
    const isShared = this.#protocol.openSize > 1 || isUnderModFcgid(request);
    if (isShared) {
      this.write(encodeEndRequest(request.requestId, 1, ProtocolStatus.REQUEST_COMPLETE));
      this.#end(request);
      return;
    }
    const { socket } = this;
    this.#hasEnded = true;
    this.#release(request);
    if (socket.remoteAddress !== undefined && this.#canShareSlab) {
      socket.resetAndDestroy();
    } else {
      // A unix socket knows no reset.
      if (request.hasStdout && socket.writable) socket.write(BROKEN_RECORD);
      socket.destroySoon();
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
      socket.destroySoon();
    } else {
      socket.destroy(); // all is the kernel's: no need to shut down first
    }
  }

  #onEnd(): void {
    for (const request of this.#protocol.requests) {
      if (!request.stdinEnded || !request.paramsEnded) {
        this.#protocol.end(request);
        this.#owner.onRequestEnd(request);
        request.consumer?.onAbort();
      }
    }
    if (this.isIdle) {
      this.socket.destroySoon();
      return;
    }
    this.#isClosing = true;
    this.#probe();
  }

  /**
   * Finds out whether the peer is gone or has only ended its side, as FIN says no more than that: writing to a
   * closed connection brings a reset, and the next write hears of it. An empty FCGI_STDERR means nothing to a peer
   * that still reads (5.3), later writes are empty altogether.
   */
  #probe(): void {
    const request = this.openRequests[0];
    if (request === undefined || this.#isProbed) return;
    this.#isProbed = true;
    this.write(encodeStreamEnd(RecordType.STDERR, request.requestId));
    for (const delay of PROBE_DELAYS) setTimeout(() => this.probeAgain(), delay).unref();
  }

  /** Asks once more whether a peer that has ended its side is gone. */
  probeAgain(): void {
    if (this.#isProbed && this.socket.writableLength === 0) this.write(EMPTY);
  }

  #onClose(): void {
    for (const request of this.#protocol.requests) {
      const wasOpen = !request.isEnded;
      this.#protocol.forget(request);
      if (wasOpen) this.#owner.onRequestEnd(request);
      request.consumer?.onAbort();
    }
    this.#owner.onConnectionClose(this);
  }
}

function drainConnection(connection: FastCGIConnection): void {
  connection.drain();
}

/**
 * Whether Apache's mod_fcgid is the web server. SERVER_SOFTWARE names it in an Apache that has it loaded, whichever
 * module calls; mod_proxy_fcgi 2.4 is told by its SCRIPT_FILENAME.
 */
function isUnderModFcgid(request: FastCGIRequest): boolean {
  if (!request.paramsEnded) return false;
  const { SERVER_SOFTWARE, SCRIPT_FILENAME, HTTP_CONNECTION } = decodeParams(request.params);
  return (
    HTTP_CONNECTION === "close" &&
    (SERVER_SOFTWARE?.startsWith("Apache") ?? false) &&
    !SCRIPT_FILENAME?.startsWith("proxy:")
  );
}

function ignore(): void {}
