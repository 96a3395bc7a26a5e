import type { IncomingMessage } from "node:http";
import { detach, PieceBuffer } from "./piece-buffer.ts";
import { requestOf, transportOf } from "./socket-info.ts";
import { SocketTimer } from "./socket-timer.ts";
import { endsBeforeClose } from "./unread-request.ts";

/**
 * The reading side of a socket: what the transport delivers is pushed into `req`, which pauses and resumes the
 * transport as it would its connection.
 */
export abstract class SocketInput extends SocketTimer {
  readable = true;
  bytesRead = 0;
  /** Takes the body from its second unread piece on. */
  #pieces: PieceBuffer | undefined = undefined;
  /** Whether the application, or a framework, has begun to read. */
  #isConsumed = false;
  /** Whether the body is dropped because the application did not read it. */
  #isDropped = false;
  /** Whether the application failed: the body is no longer delivered. */
  #isStopped = false;

  /** Whether the application still reads the body: more is to come, and there is a reader. */
  get isReading(): boolean {
    const req = requestOf(this);
    return req !== undefined && !req.complete && !req.destroyed && !this.#isDropped && hasReader(req);
  }

  pause(): this {
    transportOf(this).pause();
    return this;
  }
  resume(): this {
    this.#isConsumed = true;
    transportOf(this).resume();
    return this;
  }

  onStdin(chunk: Buffer): void {
    if (this.#isStopped) return;
    this.bytesRead += chunk.length;
    this.refreshTimer();
    const req = requestOf(this);
    if (req === undefined || req.destroyed) return;
    try {
      if (this.#pieces !== undefined || req.readableLength > 0) {
        this.#pieces ??= new PieceBuffer(
          req,
          () => transportOf(this).pause(),
          (error) => this.fail(error),
        );
        this.#pieces.push(chunk);
      } else if (!req.push(req.readableFlowing ? chunk : detach(chunk))) {
        transportOf(this).pause();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  onStdinEnd(): void {
    const req = requestOf(this);
    if (req === undefined || req.complete || this.#isStopped) return;
    req.complete = true;
    try {
      this.#pieces?.end();
      if (!req.destroyed) req.push(null);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Delivers no more of the body: the application failed. The transport goes on reading and drops it. */
  stopDelivery(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    transportOf(this).resume();
  }

  /** Whether {@link stopDelivery} was called. */
  protected get isDeliveryStopped(): boolean {
    return this.#isStopped;
  }

  /**
   * After the response: drops a body that the application has not begun to read, and closes the socket in the next
   * tick. `end` and `close` of `req` come before or after that, as they do in the running version of node:http.
   */
  protected endInput(): void {
    const req = requestOf(this);
    const isUnread = req !== undefined && !this.#isConsumed;
    const isEmpty = isUnread && req.complete && req.readableLength === 0;
    // There is nothing to drop, but `end` and `close` have to be emitted.
    if (isEmpty && endsBeforeClose) req.read();
    process.nextTick(closeFinished, this);
    const isDropped = isUnread && !hasReader(req);
    if (isDropped) transportOf(this).discard();
    if (isEmpty) {
      if (!endsBeforeClose) req.read();
    } else if (isDropped) {
      this.#isDropped = true;
      req.removeAllListeners("data");
      req.resume();
    }
  }

  /** Closes the socket; `isAborted`: before the response was complete. */
  abstract close(isAborted: boolean): void;
}

/** Whether the body is read as it comes, or as soon as there is room for it: by a pipe, a listener or a loop. */
function hasReader(req: IncomingMessage): boolean {
  return req.readableFlowing === true || req.listenerCount("data") > 0 || req.listenerCount("readable") > 0;
}

function closeFinished(socket: SocketInput): void {
  if (!socket.destroyed) socket.close(false);
}
