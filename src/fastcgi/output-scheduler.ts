import { Socket } from "node:net";
import { GrowableBuffer } from "../connection/growable-buffer.ts";
import { RecordType } from "../protocol/constants.ts";
import { encodeStream } from "../protocol/record.ts";
import type { FastCGIRequest } from "./request.ts";
import {
  encodeChunks,
  fitsSlab,
  openResponse,
  outputSlab,
  replaceOutputSlab,
  takeChunks,
  writeEnd,
  writeQueued,
} from "./stdout-queue.ts";

const EMPTY = Buffer.alloc(0);
/** What one request may send before another one of the same connection has its turn. */
const ROUND_ROBIN_LENGTH = 65528;

/** What the output tells its connection. */
export interface OutputOwner {
  /** Whether several requests are open. */
  readonly isShared: boolean;
  onComplete(request: FastCGIRequest): void;
  /** More waits than `maxLength`, and comes from what is read: reading has to stop until `onRoom`. */
  onFull(): void;
  onRoom(): void;
}

/** The sending side of a connection: which request may send how much, and when. */
export class OutputScheduler {
  readonly #socket: Socket;
  readonly #owner: OutputOwner;
  readonly #maxLength: number;
  /** Whether bytes given to `socket.write()` are the kernel's when it returns with nothing queued. */
  readonly isPlainSocket: boolean;
  /** Bytes waiting in the socket from which on it asks to wait, and tells by `drain` when they are gone. */
  readonly highWaterMark: number;
  /**
   * Requests that wait for room, in the order of their turns: to send what they have left, or to be told. It comes
   * into being when it is needed: most connections carry one small request.
   */
  #queue: FastCGIRequest[] | undefined = undefined;
  #hearsDrain = false;
  /** Control records that wait for `drain`, put together: a write of its own costs each of them ten times its bytes. */
  #replies: Buffer = EMPTY;
  #replyBuffer: GrowableBuffer | undefined = undefined;

  /** @param maxLength bytes that one request may send at a time, and that may wait before reading has to stop */
  constructor(socket: Socket, owner: OutputOwner, maxLength: number) {
    this.#socket = socket;
    this.#owner = owner;
    this.#maxLength = maxLength;
    this.highWaterMark = socket.writableHighWaterMark;
    this.isPlainSocket = socket instanceof Socket && !("encrypted" in socket);
  }

  /** Whether nothing waits in the socket. */
  get isEmpty(): boolean {
    return this.#socket.writableLength === 0;
  }

  /** Sends control records, at once if there is room. */
  write(bytes: Buffer): void {
    if (!this.#socket.writable) return;
    if (this.#isFull) {
      this.#replyBuffer ??= new GrowableBuffer();
      this.#replies = this.#replyBuffer.append(this.#replies, bytes, 0, bytes.length);
      this.hearDrain();
      if (this.isOverfull) this.#owner.onFull();
    } else {
      this.sendReplies();
      this.#socket.write(bytes);
    }
  }

  /** Hands the control records that wait to the socket: before anything else is, and before it ends. */
  sendReplies(): void {
    if (this.#replies.length === 0) return;
    const replies = this.#replies;
    this.#replies = EMPTY;
    this.#replyBuffer = undefined;
    if (this.#socket.writable) this.#socket.write(replies);
  }

  /** Whether more waits than there may, what requests have queued included; `drain` will then tell of room. */
  get isOverfull(): boolean {
    if (!this.#isFull) return false;
    let length = this.#socket.writableLength + this.#replies.length;
    if (this.#queue !== undefined) for (const request of this.#queue) length += request.queuedLength;
    return length > this.#maxLength;
  }

  /** Sends what a request has queued, and its end if it is complete, as far as there is room. */
  flush(request: FastCGIRequest): void {
    if (request.isWaiting || !this.#socket.writable) return;
    if (this.#socket.writableLength >= ROUND_ROBIN_LENGTH && this.#isFull) {
      this.#wait(request);
      return;
    }
    this.sendReplies();
    if (!request.hasStdout && !request.mayEnd) openResponse(request);
    if (fitsSlab(request)) {
      const end = writeQueued(request);
      request.hasStdout ||= end > 0;
      this.#sendSlab(request.mayEnd ? writeEnd(outputSlab(), end, request) : end);
      this.#flushed(request);
    } else {
      this.#flushChunks(request);
    }
  }

  #flushChunks(request: FastCGIRequest): void {
    const chunks = request.takeText();
    const isAlone = !this.#owner.isShared;
    const { taken, length } = takeChunks(chunks, isAlone ? this.#maxLength : ROUND_ROBIN_LENGTH);
    request.queuedLength -= length;
    request.hasStdout ||= length > 0;
    const isAll = chunks.length === 0;
    if (isAll) request.chunks = undefined;
    const isLast = isAll && request.mayEnd;
    const socket = this.#socket;
    socket.cork();
    for (const buffer of encodeChunks(request.requestId, taken, length)) socket.write(buffer);
    if (isLast) {
      const end = Buffer.allocUnsafe(32);
      socket.write(end.subarray(0, writeEnd(end, 0, request)));
    }
    socket.uncork();
    if (isAll) this.#flushed(request);
    else this.#wait(request);
  }

  #sendSlab(length: number): void {
    if (length === 0) return;
    const socket = this.#socket;
    const bytes = outputSlab().subarray(0, length);
    if (!this.isPlainSocket || socket.writableLength > 0) {
      socket.write(Buffer.from(bytes));
    } else {
      socket.write(bytes);
      if (socket.writableLength > 0) replaceOutputSlab();
    }
  }

  #flushed(request: FastCGIRequest): void {
    if (request.mayEnd) this.#owner.onComplete(request);
    if (!request.isHolding) request.consumer?.onFlushed();
  }

  /** Whether the socket asks to wait: it will then emit `drain`, and not otherwise. */
  get #isFull(): boolean {
    return this.#socket.writableLength > 0 && this.#socket.writableNeedDrain;
  }

  #wait(request: FastCGIRequest): void {
    request.isWaiting = true;
    this.#enqueue(request);
    // Room may be there at once, if the kernel took all.
    if (!this.#isFull) process.nextTick(drainScheduler, this);
  }

  #enqueue(request: FastCGIRequest): void {
    this.hearDrain();
    if (request.isQueued) return;
    request.isQueued = true;
    this.#queue ??= [];
    this.#queue.push(request);
  }

  /** Listens for `drain`, which most connections never need. */
  hearDrain(): void {
    if (this.#hearsDrain) return;
    this.#hearsDrain = true;
    this.#socket.on("drain", () => this.drain());
  }

  /** Gives those who wait their turns. */
  drain(): void {
    this.sendReplies();
    const queue = this.#queue ?? [];
    // As long as there is room, each of those in line has one turn; who is not done stands at its end again.
    for (let rest = queue.length; rest > 0 && this.#socket.writable && !this.#isFull; rest--) {
      const request = queue.shift()!;
      request.isQueued = false;
      const { isWaiting } = request;
      request.isWaiting = false;
      if (request.isEnded) continue;
      if (isWaiting) this.flush(request);
      else request.consumer?.onDrain();
    }
    this.#owner.onRoom();
  }

  /** Whether output of `request` is on its way; its consumer will then hear `onDrain`. */
  awaitDrain(request: FastCGIRequest): boolean {
    if (!request.isWaiting && !this.#isFull) return false;
    this.#enqueue(request);
    return true;
  }

  /** Calls back once all that was written has left the process, or the connection has gone. */
  whenSent(callback: () => void): void {
    const socket = this.#socket;
    if (socket.destroyed) {
      process.nextTick(callback);
    } else if (socket.writableEnded) {
      const settle = () => {
        socket.off("finish", settle).off("close", settle);
        callback();
      };
      socket.on("finish", settle).on("close", settle);
    } else {
      socket.write(EMPTY, () => callback());
    }
  }

  /** Sends a chunk of FCGI_STDERR; calls back when it has left. */
  writeStderr(request: FastCGIRequest, chunk: Uint8Array, callback: (error?: Error | null) => void): void {
    const socket = this.#socket;
    this.sendReplies();
    request.hasStderr ||= chunk.length > 0;
    socket.cork();
    for (const bytes of encodeStream(RecordType.STDERR, request.requestId, chunk)) socket.write(bytes);
    socket.uncork();
    // Called back at once, if it can be: what is written next must not come behind the end of the request.
    if (this.isEmpty) callback();
    // In a tick of its own: what it runs of the application may throw, and the socket is everybody's.
    else socket.write(EMPTY, (error) => process.nextTick(callback, error));
  }
}

function drainScheduler(output: OutputScheduler): void {
  output.drain();
}
