import { Socket } from "node:net";
import { ApplicationConnection } from "../connection/application.ts";
import type { ApplicationLimits } from "../connection/application-request.ts";
import { ConnectionInput, type InputConnection, type InputOwner } from "./connection-input.ts";
import { ConnectionRequests, type RequestsConnection, type RequestsOwner } from "./connection-requests.ts";
import { HalfCloseProbe } from "./half-close-probe.ts";
import { Linger } from "./linger.ts";
import { type OutputOwner, OutputScheduler } from "./output-scheduler.ts";
import type { FastCGIRequest } from "./request.ts";

/**
 * States of a connection.
 *
 * | State     | Meaning                                                                                             |
 * | --------- | --------------------------------------------------------------------------------------------------- |
 * | open      | Waits for requests.                                                                                 |
 * | closing   | Closes as soon as no request is open. Requests that begin before that are served.                   |
 * | lingering | Our side has ended, or ends with its last output. Input is read and dropped, because closing with   |
 * |           | unread input would send RST, and the web server would lose the response. No requests begin. An      |
 * |           | application may still read the STDIN of a request whose response is complete.                       |
 * | closed    | The socket is destroyed.                                                                            |
 *
 * | From          | To        | When                                                                                |
 * | ------------- | --------- | ----------------------------------------------------------------------------------- |
 * | open          | closing   | the response of a request without FCGI_KEEP_CONN ends; the web server ends its      |
 * |               |           | side; the server closes                                                             |
 * | open, closing | lingering | no request is open (`#close()`) and input is expected, or output waits, or the      |
 * |               |           | server closes; a response is broken off                                             |
 * | open, closing | closed    | no request is open and nothing is expected or waits                                 |
 * | any           | closed    | the input is invalid, a time limit has passed, the socket is closed or reset        |
 */
type State = "open" | "closing" | "lingering" | "closed";

/** A record of version 0: marks a response as broken on a unix socket, which cannot be reset. */
const BROKEN_RECORD = Buffer.alloc(8);

/** What a connection needs of the server. Lengths are bytes. */
export interface ConnectionOwner extends InputOwner, RequestsOwner {
  readonly limits: ApplicationLimits;
  /** Input that is dropped after the last response; see {@link Linger}. */
  readonly lingerLength: number;
  /** Output of one connection that is handed to the socket at a time. */
  readonly maxOutputLength: number;
  /** `chunk` is invalid: the owner closes the connection, by `fail()` or in a way of its own. */
  onInvalidInput(error: Error, chunk: Buffer, connection: FastCGIConnection): void;
  onConnectionError(error: Error, socket: Socket): void;
  onConnectionClose(connection: FastCGIConnection): void;
}

/** A connection from a web server: the socket, its requests and its end. */
export class FastCGIConnection implements InputConnection, RequestsConnection, OutputOwner<FastCGIRequest> {
  readonly socket: Socket;
  readonly output: OutputScheduler<FastCGIRequest>;
  readonly requests: ConnectionRequests;
  readonly input: ConnectionInput;
  readonly protocol: ApplicationConnection<FastCGIRequest>;
  readonly #owner: ConnectionOwner;
  #state: State = "open";
  /** Drains input in the state `lingering`. */
  #linger: Linger | undefined = undefined;
  /** The server closes: its `close` event has to follow the last output, which is therefore awaited. */
  #isServerClosing = false;
  #probe: HalfCloseProbe | undefined = undefined;
  /** Why the connection broke. */
  #failure: Error | undefined = undefined;
  /** The owner was told of `#failure`. */
  #isFailureReported = false;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket;
    this.#owner = owner;
    this.output = new OutputScheduler(socket, this, owner.maxOutputLength, isPlain(socket));
    this.requests = new ConnectionRequests(this, owner);
    this.input = new ConnectionInput(this, owner);
    this.protocol = new ApplicationConnection<FastCGIRequest>(this.input, owner.limits);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("end", () => this.#onEnd());
    // Web servers leave by ECONNRESET and EPIPE: `close` follows and is handled. After `end` the error only confirms
    // what the probe asked.
    socket.on("error", (error: Error) => {
      if (!socket.readableEnded) this.#failure ??= error;
    });
    socket.on("close", () => this.#onClose());
  }

  // Input

  #onData(chunk: Buffer): void {
    if ((this.#state === "lingering" || this.#state === "closed") && !this.#drain(chunk.length)) return;
    try {
      const taken = this.protocol.push(chunk);
      if (taken < chunk.length) this.socket.unshift(chunk.subarray(taken));
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      this.#owner.onInvalidInput(failure, chunk, this);
    }
  }

  /** Counts drained input; returns whether it has to be parsed. STDIN that an application reads is not counted. */
  #drain(length: number): boolean {
    if (this.requests.hasReaders) return true;
    if (this.#linger?.drain(length, this.#owner.tick)) return this.protocol.requests.size > 0;
    this.socket.pause(); // until the linger time is over
    return false;
  }

  onOverfull(): void {
    this.input.stopForOutput();
  }

  onDrain(): void {
    this.input.resumeAfterOutput();
  }

  // Requests

  get isShared(): boolean {
    return this.requests.isShared;
  }

  onComplete(request: FastCGIRequest): void {
    this.requests.onComplete(request);
  }

  onResponseEnd(request: FastCGIRequest): void {
    if (!request.keepConn) this.#closeLater();
    if (this.#state === "closing" && this.requests.isIdle) this.#close();
  }

  onLastStdin(): void {
    if (this.#state === "lingering" && !this.requests.expectsInput) this.#destroySoon();
  }

  onReply(bytes: Buffer, closes: boolean): void {
    this.output.write(bytes);
    if (closes) this.#close();
  }

  // The end

  /** The state `lingering`; undefined in the others. */
  get linger(): Linger | undefined {
    return this.#linger;
  }

  /** Closes after the last open request; an idle connection stays open for one more. */
  closeAfterRequests(): void {
    this.#isServerClosing = true;
    this.#closeLater();
  }

  /** Closes an idle connection. */
  closeIfIdle(): void {
    if (this.requests.isIdle && !this.protocol.isMidRecord) this.#close();
  }

  #closeLater(): void {
    if (this.#state === "open") this.#state = "closing";
  }

  #close(): void {
    if (this.#state === "lingering" || this.#state === "closed") return;
    const { socket } = this;
    this.output.sendReplies();
    if (this.requests.expectsInput || this.protocol.isMidRecord) {
      this.startLinger();
      socket.end();
    } else if (socket.writableLength > 0 || this.#isServerClosing) {
      this.startLinger();
      this.#destroySoon();
    } else {
      this.destroy(); // The kernel has all output: saves a shutdown().
    }
  }

  startLinger(): void {
    if (this.#state === "closed") return;
    this.#state = "lingering";
    this.#linger = new Linger(this.#owner.tick, this.#owner.lingerLength);
    this.protocol.takeNoRequests();
  }

  /** Resets the connection, or marks the response as broken where there is no reset. */
  breakOff(hasStdout: boolean): void {
    const { socket } = this;
    if (socket.remoteAddress !== undefined && isPlain(socket)) {
      this.#state = "closed";
      socket.resetAndDestroy();
    } else {
      this.output.sendReplies();
      if (hasStdout && socket.writable) socket.write(BROKEN_RECORD);
      this.#destroySoon();
    }
  }

  /** Destroys the connection because of what the web server did, or did not do in time. */
  fail(error: Error): void {
    if (this.socket.destroyed) return;
    this.#failure = error;
    this.#isFailureReported = true;
    this.protocol.takeNoRequests();
    this.protocol.stop();
    this.destroy();
    this.#owner.onConnectionError(error, this.socket);
  }

  /** Destroys the socket at once. */
  destroy(): void {
    this.#state = "closed";
    this.socket.destroy();
  }

  /** Destroys the socket when its output was sent. */
  #destroySoon(): void {
    const { socket } = this;
    this.output.sendReplies();
    // A connection passed to `server.emit("connection")` may be any Duplex.
    if (typeof socket.destroySoon === "function") socket.destroySoon();
    else socket.end(() => socket.destroy());
  }

  /** The web server has ended its side, or has gone; only writing tells the difference. */
  #onEnd(): void {
    this.requests.abandon(false, this.#failure, this.#isFailureReported);
    this.#closeLater();
    const [request] = this.requests.open;
    if (request === undefined) this.#destroySoon();
    else this.#probe ??= new HalfCloseProbe(this.output, request.requestId);
  }

  /** Probes again whether the web server has gone, if it has ended its side. */
  probeAgain(): void {
    this.#probe?.again();
  }

  #onClose(): void {
    this.#state = "closed";
    this.requests.abandon(true, this.#failure, this.#isFailureReported);
    this.#owner.onConnectionClose(this);
  }
}

/** Whether `write()` hands bytes to the kernel at once, which a TLS socket or another Duplex does not. */
function isPlain(socket: Socket): boolean {
  return socket instanceof Socket && !("encrypted" in socket);
}
