import { GrowableBuffer } from "../connection/growable-buffer.ts";
import { RecordType } from "../protocol/constants.ts";
import { encodeStream } from "../protocol/record.ts";
import { outputSlab, replaceOutputSlab } from "./stdout-records.ts";

const EMPTY = Buffer.alloc(0);
/** Bytes that a request may send before the next request of the connection may. */
const ROUND_ROBIN_LENGTH = 65528;

type WriteCallback = (error?: Error | null) => void;

/** The part of a socket that output needs. */
export interface OutputSocket {
  readonly destroyed: boolean;
  readonly writable: boolean;
  readonly writableEnded: boolean;
  readonly writableHighWaterMark: number;
  readonly writableLength: number;
  readonly writableNeedDrain: boolean;
  cork(): void;
  uncork(): void;
  write(bytes: Uint8Array, callback?: WriteCallback): boolean;
  on(event: "drain" | "finish" | "close", listener: () => void): this;
  off(event: "finish" | "close", listener: () => void): this;
}

/** What the scheduler needs of a request: a queue of output, and two fields that only the scheduler writes. */
export interface OutputRequest {
  readonly requestId: number;
  readonly isEnded: boolean;
  readonly queuedLength: number;
  readonly mayEnd: boolean;
  /** Has queued output that waits for `drain`. */
  isWaiting: boolean;
  /** Is in the scheduler's queue. */
  isQueued: boolean;
  /** Encodes all that is queued into the shared slab; returns the length, or -1 if it does not fit. */
  encodeToSlab(): number;
  /** Takes up to `budget` bytes of what is queued as records. */
  takeRecords(budget: number): Uint8Array[];
  /** All that was queued is handed to the socket. */
  onFlushed(): void;
  /** The socket accepts output again. */
  onDrain(): void;
}

/** What the scheduler needs of its connection. */
export interface OutputOwner<R> {
  readonly isShared: boolean;
  /** The whole response is handed to the socket. */
  onComplete(request: R): void;
  /** Over `maxLength` bytes wait, caused by input: stop reading until {@link onDrain}. */
  onOverfull(): void;
  onDrain(): void;
}

/**
 * The output of a connection: which request may send how much, and when.
 *
 * A request whose output does not fit into the socket waits in a queue. At each `drain` the requests of the queue send
 * in turn (round-robin) until the socket is full again. Control records (END_REQUEST after an abort, results of
 * FCGI_GET_VALUES …) are sent before any other output.
 */
export class OutputScheduler<R extends OutputRequest> {
  readonly #socket: OutputSocket;
  readonly #owner: OutputOwner<R>;
  readonly #maxLength: number;
  readonly #isPlainSocket: boolean;
  /** Bytes waiting in the socket from which on it is full. */
  readonly highWaterMark: number;
  /**
   * Requests waiting for `drain`, round-robin: to send what they have queued, or to be notified. Created lazily,
   * because most connections carry one small request.
   */
  #queue: R[] | undefined = undefined;
  #listensToDrain = false;
  /** Control records that wait for `drain`, joined: a separate write costs each of them ten times its bytes. */
  #replies: Buffer = EMPTY;
  #replyBuffer: GrowableBuffer | undefined = undefined;

  /**
   * @param maxLength bytes that one request may send at a time, and that may wait before reading has to stop
   * @param isPlainSocket bytes are the kernel's after a `write()` that leaves nothing waiting: the slab is not copied
   */
  constructor(socket: OutputSocket, owner: OutputOwner<R>, maxLength: number, isPlainSocket: boolean) {
    this.#socket = socket;
    this.#owner = owner;
    this.#maxLength = maxLength;
    this.#isPlainSocket = isPlainSocket;
    this.highWaterMark = socket.writableHighWaterMark;
  }

  /** Bytes waiting in the socket. */
  get length(): number {
    return this.#socket.writableLength;
  }

  /** Whether the socket still takes output. */
  get isWritable(): boolean {
    return this.#socket.writable;
  }

  /** Sends control records: now, or at `drain` if the socket is full. */
  write(bytes: Buffer): void {
    if (!this.#socket.writable) return;
    if (this.#isFull) {
      this.#replyBuffer ??= new GrowableBuffer();
      this.#replies = this.#replyBuffer.append(this.#replies, bytes, 0, bytes.length);
      this.listenToDrain();
      if (this.isOverfull) this.#owner.onOverfull();
    } else {
      this.sendReplies();
      this.#socket.write(bytes);
    }
  }

  /** Hands waiting control records to the socket; called before any other output and before the socket ends. */
  sendReplies(): void {
    if (this.#replies.length === 0) return;
    const replies = this.#replies;
    this.#replies = EMPTY;
    this.#replyBuffer = undefined;
    if (this.#socket.writable) this.#socket.write(replies);
  }

  /** Whether the socket is full and more than `maxLength` bytes wait, those queued by requests included. */
  get isOverfull(): boolean {
    if (!this.#isFull) return false;
    let length = this.#socket.writableLength + this.#replies.length;
    if (this.#queue !== undefined) for (const request of this.#queue) length += request.queuedLength;
    return length > this.#maxLength;
  }

  /** Sends what a request has queued, and its end if it is complete, as far as the socket accepts it. */
  flush(request: R): void {
    if (request.isWaiting || !this.#socket.writable) return;
    if (this.#socket.writableLength >= ROUND_ROBIN_LENGTH && this.#isFull) {
      this.#wait(request);
      return;
    }
    this.sendReplies();
    const length = request.encodeToSlab();
    if (length > 0) this.#sendSlab(length);
    else if (length < 0) this.#sendRecords(request);
    if (request.queuedLength > 0) {
      this.#wait(request);
      return;
    }
    if (request.mayEnd) this.#owner.onComplete(request);
    request.onFlushed();
  }

  #sendRecords(request: R): void {
    const records = request.takeRecords(this.#owner.isShared ? ROUND_ROBIN_LENGTH : this.#maxLength);
    const socket = this.#socket;
    socket.cork();
    for (const bytes of records) socket.write(bytes);
    socket.uncork();
  }

  #sendSlab(length: number): void {
    const socket = this.#socket;
    const bytes = outputSlab().subarray(0, length);
    if (!this.#isPlainSocket || socket.writableLength > 0) {
      socket.write(Buffer.from(bytes));
    } else {
      socket.write(bytes);
      if (socket.writableLength > 0) replaceOutputSlab();
    }
  }

  /** Whether the socket will emit `drain`: it does only after `write()` returned false. */
  get #isFull(): boolean {
    return this.#socket.writableLength > 0 && this.#socket.writableNeedDrain;
  }

  #wait(request: R): void {
    request.isWaiting = true;
    this.#enqueue(request);
    // No `drain` follows if the kernel took all.
    if (!this.#isFull) process.nextTick(() => this.drain());
  }

  #enqueue(request: R): void {
    this.listenToDrain();
    if (request.isQueued) return;
    request.isQueued = true;
    this.#queue ??= [];
    this.#queue.push(request);
  }

  /** Adds the listener to `drain`, which most connections never need. */
  listenToDrain(): void {
    if (this.#listensToDrain) return;
    this.#listensToDrain = true;
    this.#socket.on("drain", () => this.drain());
  }

  /** Lets the requests in the queue send, once each, until the socket is full; the rest of a response is queued again. */
  drain(): void {
    this.sendReplies();
    const queue = this.#queue ?? [];
    for (let rest = queue.length; rest > 0 && this.#socket.writable && !this.#isFull; rest--) {
      const request = queue.shift()!;
      request.isQueued = false;
      const { isWaiting } = request;
      request.isWaiting = false;
      if (request.isEnded) continue;
      if (isWaiting) this.flush(request);
      else request.onDrain();
    }
    this.#owner.onDrain();
  }

  /** Returns whether output of `request` waits; its `onDrain` is called when the socket accepts more. */
  awaitDrain(request: R): boolean {
    if (!request.isWaiting && !this.#isFull) return false;
    this.#enqueue(request);
    return true;
  }

  /** Calls back once all that was written has left the process, or the connection has closed. */
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

  /** Sends a chunk of FCGI_STDERR; calls back when it has left the process. */
  writeStderr(requestId: number, chunk: Uint8Array, callback: WriteCallback): void {
    const socket = this.#socket;
    this.sendReplies();
    socket.cork();
    for (const bytes of encodeStream(RecordType.STDERR, requestId, chunk)) socket.write(bytes);
    socket.uncork();
    // Synchronous where possible: the next chunk must not follow the end of the request.
    if (this.length === 0) callback();
    // In a tick of its own: the callback may throw, which inside of the socket would affect all its requests.
    else socket.write(EMPTY, (error) => process.nextTick(callback, error));
  }
}
