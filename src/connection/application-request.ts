import type { ValueName } from "../protocol/constants.ts";
import { GrowableBuffer } from "./growable-buffer.ts";

/** What an {@link ApplicationConnection} refuses, and what it says of itself. Lengths are bytes. */
export interface ApplicationLimits {
  /** FCGI_PARAMS of a request in all; beyond it the rest is dropped and `isTooLarge` set. */
  readonly maxParamsLength: number;
  /** FCGI_PARAMS of a request as sent; beyond it the connection fails. */
  readonly maxParamsWireLength: number;
  /**
   * Open requests of the connection; beyond it FCGI_END_REQUEST with OVERLOADED. As many answered requests may have
   * STDIN to come; beyond it the oldest is let go.
   */
  readonly maxRequestsPerConnection: number;
  /** STDIN and DATA of a request that came before the end of PARAMS; beyond it the connection fails. */
  readonly maxEarlyStdinLength: number;
  /** Roles that are served. */
  readonly roles: ReadonlySet<number>;
  /** Answers to FCGI_GET_VALUES; a name that is not here is left out. */
  readonly values: ReadonlyMap<ValueName | string, string>;
}

export const NO_BYTES: Buffer = Buffer.alloc(0);

/** FCGI_DATA of a request in the Filter role. */
export class FilterData {
  isEnded = false;
  /** DATA that came before PARAMS had ended. */
  early: Buffer = NO_BYTES;
  #buffer: GrowableBuffer | undefined = undefined;

  /** Adds to `early`. The piece is copied, so that it does not hold its chunk. */
  append(chunk: Buffer, start: number, end: number): void {
    this.#buffer ??= new GrowableBuffer();
    this.early = this.#buffer.append(this.early, chunk, start, end);
  }

  /** Gives `early` away. */
  takeEarly(): Buffer {
    const { early } = this;
    this.early = NO_BYTES;
    this.#buffer = undefined;
    return early;
  }
}

/** State of one request between FCGI_BEGIN_REQUEST and FCGI_END_REQUEST. */
export class ApplicationRequest {
  readonly requestId: number;
  readonly role: number;
  readonly keepConn: boolean;
  /** FCGI_PARAMS so far. */
  params: Buffer = NO_BYTES;
  paramsWireLength = 0;
  isTooLarge = false;
  paramsEnded = false;
  stdinEnded = false;
  /** STDIN that came before PARAMS had ended. */
  earlyStdin: Buffer | undefined = undefined;
  /** Made at the first record of FCGI_DATA. */
  filterData: FilterData | undefined = undefined;
  /**
   * FCGI_END_REQUEST is written or the connection gone: nothing may be sent any more. The rest of STDIN is still
   * delivered: an application may answer before it has read all.
   */
  isEnded = false;
  #paramsBuffer: GrowableBuffer | undefined = undefined;
  #stdinBuffer: GrowableBuffer | undefined = undefined;

  constructor(requestId: number, role: number, keepConn: boolean) {
    this.requestId = requestId;
    this.role = role;
    this.keepConn = keepConn;
  }

  /** Adds to `params`: the first piece is kept where it lies, further ones are copied behind it. */
  appendParams(chunk: Buffer, start: number, end: number): void {
    if (this.params.length === 0) {
      this.params = chunk.subarray(start, end);
      return;
    }
    this.#paramsBuffer ??= new GrowableBuffer();
    this.params = this.#paramsBuffer.append(this.params, chunk, start, end);
  }

  /** Frees the memory of `params`, which nobody will read. */
  dropParams(): void {
    this.params = NO_BYTES;
    this.#paramsBuffer = undefined;
  }

  /** Marks STDIN as ended: what still arrives of it is skipped. */
  endStdin(): void {
    this.stdinEnded = true;
  }

  /** Adds to `earlyStdin`. The piece is copied, so that it does not hold its chunk. */
  appendEarlyStdin(chunk: Buffer, start: number, end: number): void {
    this.#stdinBuffer ??= new GrowableBuffer();
    this.earlyStdin = this.#stdinBuffer.append(this.earlyStdin ?? NO_BYTES, chunk, start, end);
  }

  /** Gives `earlyStdin` away. */
  takeEarlyStdin(): Buffer | undefined {
    const early = this.earlyStdin;
    this.earlyStdin = undefined;
    this.#stdinBuffer = undefined;
    return early;
  }

  /** Length of STDIN and DATA that came before PARAMS had ended. */
  get earlyLength(): number {
    return (this.earlyStdin?.length ?? 0) + (this.filterData?.early.length ?? 0);
  }
}

/** What an {@link ApplicationConnection} calls, always from within `push()`. */
export interface ApplicationHandler<R extends ApplicationRequest> {
  /** Makes the state of a request; it is called before any of its params are here. */
  createRequest(requestId: number, role: number, keepConn: boolean): R;
  /** The params are complete. */
  onRequest(request: R): void;
  /** Part of FCGI_STDIN; the chunk may be kept. */
  onStdin(request: R, chunk: Buffer): void;
  onStdinEnd(request: R): void;
  /** Part of FCGI_DATA, in the Filter role only. */
  onData(request: R, chunk: Buffer): void;
  onDataEnd(request: R): void;
  /** FCGI_ABORT_REQUEST: the handler has to answer with FCGI_END_REQUEST. */
  onAbort(request: R): void;
  /** An answered request was aborted, or a new one took its id: the rest of its STDIN will not come. */
  onReplaced(request: R): void;
  /** The rest of STDIN of an answered request will not be delivered: it was aborted, or too many are to come. */
  onLetGo(request: R): void;
  /** Bytes to be sent at once; `closes` if the connection has to end after them. */
  onReply(bytes: Buffer, closes: boolean): void;
}
