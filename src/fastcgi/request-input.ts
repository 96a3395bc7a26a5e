import { ApplicationRequest } from "../connection/application-request.ts";
import type { RequestConsumer } from "../http/request-transport.ts";

/** Memory that a piece of a body takes beside its content, in bytes: pieces of one byte have to count. */
const PIECE_OVERHEAD = 200;

/**
 * The input of one request: how much of STDIN is still expected, when it last moved, and who reads it.
 *
 * Input state, the output queue and the transport are three classes of one object, because an object per request costs
 * more than its few fields.
 */
export class RequestInput extends ApplicationRequest {
  /** Receives the body and the events of the request; set by whoever handles it. */
  consumer: RequestConsumer | undefined = undefined;
  #isPaused = false;
  #isDiscarded = false;
  /** Bytes of STDIN, overhead included, delivered while the consumer was paused. */
  #bufferedStdin = 0;
  /** Bytes of STDIN that CONTENT_LENGTH still announces; -1 if it is unknown. */
  #stdinRemaining = -1;
  #stdinTick = 0;
  #startTick: number;

  /** @param tick of the server's clock */
  constructor(requestId: number, role: number, keepConn: boolean, tick: number) {
    super(requestId, role, keepConn);
    this.#startTick = tick;
  }

  /** Clock tick of FCGI_BEGIN_REQUEST. */
  get startTick(): number {
    return this.#startTick;
  }

  /** Clock tick of the last progress of STDIN. */
  get stdinTick(): number {
    return this.#stdinTick;
  }

  /** Whether the consumer wants no STDIN at the moment. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether more STDIN is expected. */
  get awaitsStdin(): boolean {
    return this.paramsEnded && !this.stdinEnded && this.#stdinRemaining !== 0;
  }

  /** Whether all STDIN that CONTENT_LENGTH announced was delivered. */
  get hasWholeStdin(): boolean {
    return this.#stdinRemaining === 0;
  }

  /** Whether all input was received. */
  get hasAllInput(): boolean {
    return this.paramsEnded && !this.awaitsStdin;
  }

  /** Whether the application reads STDIN although its response is complete. */
  get isReadAfterResponse(): boolean {
    return this.isEnded && this.awaitsStdin && !this.#isDiscarded && this.consumer?.isReading === true;
  }

  /** Notes progress of the input. */
  touch(tick: number): void {
    this.#stdinTick = tick;
  }

  /** Moves the clock by one tick in which the connection was not read. */
  skipTick(): void {
    this.#startTick++;
    this.#stdinTick++;
  }

  /** Sets the length of STDIN; -1 if only its end tells. */
  expectStdin(contentLength: number): void {
    this.#stdinRemaining = contentLength;
  }

  /**
   * Delivers a piece of STDIN, as far as CONTENT_LENGTH allows, and the end with its last byte.
   *
   * The empty record is not awaited: HAProxy 2.6 omits it after an empty chunked upload.
   */
  takeStdin(chunk: Buffer): void {
    const remaining = this.#stdinRemaining;
    if (remaining < 0) {
      this.deliverStdin(chunk);
    } else if (remaining > 0) {
      const content = chunk.length > remaining ? chunk.subarray(0, remaining) : chunk;
      this.#stdinRemaining -= content.length;
      this.deliverStdin(content);
      if (this.#stdinRemaining === 0) this.deliverStdinEnd();
    }
  }

  /** Takes the end of STDIN; returns false if bytes are missing: the request has to be aborted. */
  takeStdinEnd(): boolean {
    if (this.#stdinRemaining > 0) return false;
    if (this.#stdinRemaining < 0) this.deliverStdinEnd();
    return true;
  }

  /** Passes a piece of STDIN to the consumer. */
  protected deliverStdin(chunk: Buffer): void {
    this.consumer?.onStdin(chunk);
  }

  /** Tells the consumer that the body is complete. */
  deliverStdinEnd(): void {
    this.consumer?.onStdinEnd();
  }

  /** Takes a piece of FCGI_DATA, which is dropped in other roles than Filter. */
  takeData(_chunk: Buffer): void {}

  /** Takes the end of FCGI_DATA. */
  takeDataEnd(): void {}

  /** Counts a piece that was delivered to a paused consumer; returns the bytes of all such pieces. */
  countBuffered(length: number): number {
    this.#bufferedStdin += length + PIECE_OVERHEAD;
    return this.#bufferedStdin;
  }

  /** Asks for no more STDIN. What still arrives is delivered and counted until the connection is paused. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Ends the pause; called by the connection, which then reads on. */
  endPause(tick: number): void {
    this.#isPaused = false;
    this.#bufferedStdin = 0;
    this.#stdinTick = tick;
  }

  /** Nobody reads STDIN after the response. */
  ignoreStdin(): void {
    this.#isDiscarded = true;
  }

  /** Tells the consumer that the request is aborted; see {@link RequestConsumer.onAbort}. */
  notifyAbort(error?: Error, isReported?: boolean): void {
    this.consumer?.onAbort(error, isReported);
  }
}
