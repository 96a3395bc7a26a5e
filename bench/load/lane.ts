import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { BODY_PIECE_LENGTH, encodeBodyPiece } from "../requests.ts";
import type { LoadTarget } from "./messages.ts";
import { FastCGIResponseReader, HTTPResponseReader, type ResponseReader } from "./response-readers.ts";

/** All lanes read into the same memory: a response is counted and forgotten before the next read. */
const buffer = Buffer.allocUnsafe(65_536);

/** Is called for each response of each lane. */
export interface LaneOwner {
  onResponse(lane: Lane, content: number, startedAt: number): void;
  onFailure(lane: Lane, reason: string): void;
}

/** One connection after the other to the server, with one request in flight. */
export class Lane {
  readonly #target: LoadTarget;
  readonly #owner: LaneOwner;
  readonly #response: ResponseReader;
  #socket: Socket | undefined;
  #startedAt = 0;
  #isWaiting = false;

  constructor(target: LoadTarget, owner: LaneOwner) {
    this.#target = target;
    this.#owner = owner;
    this.#response = target.protocol === "fastcgi" ? new FastCGIResponseReader() : new HTTPResponseReader();
  }

  /** Bytes of the current response so far. */
  get content(): number {
    return this.#response.content;
  }

  /** Connects, so that the first request finds a connection. */
  async open(): Promise<void> {
    for (;;) {
      const socket = this.#connect();
      const isOpen = await new Promise((resolve) => {
        socket.once("connect", () => resolve(true));
        socket.once("close", () => resolve(false));
      });
      if (isOpen) return;
      // A unix socket refuses connections while the queue of its server is full.
      await delay(20);
    }
  }

  /** Sends the request. */
  send(): void {
    this.#isWaiting = true;
    this.#response.reset();
    this.#startedAt = performance.now();
    const socket = this.#socket ?? this.#connect();
    socket.write(this.#target.request);
    if (this.#target.bodyLength > 0) this.#sendBody(socket);
  }

  close(): void {
    this.#isWaiting = false;
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #connect(): Socket {
    const callback = (length: number): boolean => {
      if (this.#isWaiting && this.#push(length)) this.#finish(socket);
      return true;
    };
    const socket = connect({ ...this.#target.address, noDelay: true, onread: { buffer, callback } });
    this.#socket = socket;
    socket.on("error", (error) => this.#lose(socket, error.message));
    socket.on("end", () => {
      if (this.#socket === socket && this.#isWaiting && this.#response.end()) this.#finish(socket);
    });
    socket.on("close", () => this.#lose(socket, "the connection closed"));
    return socket;
  }

  #push(length: number): boolean {
    try {
      return this.#response.push(buffer, length);
    } catch (error) {
      this.close();
      this.#owner.onFailure(this, String(error));
      return false;
    }
  }

  #finish(socket: Socket): void {
    this.#isWaiting = false;
    if (!this.#target.keep) {
      // Closes the connection once the response is complete, as nginx does, whether the server has closed it or not.
      this.#socket = undefined;
      socket.destroy();
    }
    this.#owner.onResponse(this, this.#response.content, this.#startedAt);
  }

  /** A server may close a kept connection between two responses: the next request then opens a new one. */
  #lose(socket: Socket, reason: string): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#owner.onFailure(this, reason);
  }

  #sendBody(socket: Socket): void {
    const { piece, end } = encodeBodyPiece(this.#target.protocol);
    let rest = this.#target.bodyLength;
    const more = (): void => {
      while (rest > 0) {
        if (rest < BODY_PIECE_LENGTH) throw new RangeError("a made-up body consists of whole pieces");
        rest -= BODY_PIECE_LENGTH;
        if (!socket.write(piece)) {
          socket.once("drain", more);
          return;
        }
      }
      if (end.length > 0) socket.write(end);
    };
    more();
  }
}
