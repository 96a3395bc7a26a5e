import { Readable } from "node:stream";
import { PieceBuffer } from "../http/piece-buffer.ts";
import { LimitError } from "../protocol/errors.ts";
import { FastCGIRequest } from "./request.ts";

/**
 * A request in the Filter role: it has a second stream of input, FCGI_DATA.
 *
 * Both streams share the connection, which is paused only when neither is wanted. While a filter reads one of them, the
 * other is buffered, up to a limit.
 *
 * @see FastCGI 1.0, section 6.4
 */
export class FilterRequest extends FastCGIRequest {
  #data: Readable | undefined = undefined;
  #pieces: PieceBuffer | undefined = undefined;
  #maxBuffered = 0;
  #wantsStdin = true;
  #wantsData = false;
  /** Bytes of each stream that arrived while it was not wanted. */
  #bufferedStdin = 0;
  #bufferedData = 0;

  /** FCGI_DATA; undefined before {@link createData}, and then dropped. */
  get data(): Readable | undefined {
    return this.#data;
  }

  override get hasAllInput(): boolean {
    return super.hasAllInput && this.filterData?.isEnded === true;
  }

  /**
   * Creates `data`, when the request is passed to the application.
   *
   * @param maxBuffered bytes of one stream that are buffered while the other is read; beyond it the request fails with
   *   ERR_FCGI_LIMIT
   */
  createData(maxBuffered: number): void {
    this.#maxBuffered = maxBuffered;
    const data = new Readable({
      read: () => {
        this.#wantsData = true;
        this.#bufferedData = 0;
        super.resume();
      },
    });
    // An application that does not read `data` need not handle its error.
    data.on("error", () => {});
    this.#data = data;
    this.#pieces = new PieceBuffer(
      data,
      () => {
        this.#wantsData = false;
        if (!this.#wantsStdin) super.pause();
      },
      (error) => this.#failData(error),
    );
  }

  override pause(): void {
    this.#wantsStdin = false;
    if (!this.#wantsData) super.pause();
  }

  override resume(): void {
    this.#wantsStdin = true;
    this.#bufferedStdin = 0;
    super.resume();
  }

  protected override deliverStdin(chunk: Buffer): void {
    if (!this.#wantsStdin) this.#bufferedStdin += chunk.length;
    super.deliverStdin(chunk);
    this.#checkBuffered();
  }

  override deliverStdinEnd(): void {
    this.#wantsStdin = false;
    super.deliverStdinEnd();
  }

  override takeData(chunk: Buffer): void {
    if (this.#data === undefined || this.#data.destroyed) return;
    if (!this.#wantsData) this.#bufferedData += chunk.length;
    try {
      this.#pieces?.push(chunk);
    } catch (error) {
      this.#failData(error);
      return;
    }
    this.#checkBuffered();
  }

  override takeDataEnd(): void {
    this.#wantsData = false;
    try {
      this.#pieces?.end();
      this.#data?.push(null);
    } catch (error) {
      this.#failData(error);
    }
  }

  override notifyAbort(error?: Error, isReported?: boolean): void {
    const data = this.#data;
    if (data !== undefined && !data.readableEnded)
      data.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" }));
    super.notifyAbort(error, isReported);
  }

  override abort(): void {
    this.#data?.destroy();
    super.abort();
  }

  /** Fails the request because a listener of `data` threw. */
  #failData(error: unknown): void {
    this.#data?.destroy();
    this.consumer?.fail?.(error);
  }

  #checkBuffered(): void {
    if (this.#bufferedStdin + this.#bufferedData <= this.#maxBuffered || this.#data === undefined) return;
    this.#bufferedStdin = 0;
    this.#bufferedData = 0;
    const what = `request ${this.requestId} sent over ${this.#maxBuffered} bytes of a stream that its filter does not read`;
    this.connection.failRequest(this, new LimitError(what));
  }
}
