import type { ValueName } from "../protocol/constants.ts";
import { LimitError } from "../protocol/errors.ts";
import { GrowableBuffer } from "./growable-buffer.ts";

/** Limits of an {@link ApplicationConnection}, and what it tells of itself. Lengths are bytes. */
export interface ApplicationLimits {
  /** FCGI_PARAMS of a request; beyond it they are dropped and `isTooLarge` is set. */
  readonly maxParamsLength: number;
  /** FCGI_PARAMS of a request as sent, dropped ones included; beyond it the connection fails. */
  readonly maxParamsWireLength: number;
  /**
   * Open requests of the connection; further ones are refused with OVERLOADED, or CANT_MPX_CONN if the limit is 1.
   * As many requests whose response is complete may wait for STDIN; beyond it the oldest is dropped.
   */
  readonly maxRequestsPerConnection: number;
  /** STDIN and DATA of a request that arrive before the end of PARAMS; beyond it the connection fails. */
  readonly maxEarlyStdinLength: number;
  /** Roles that are served; others are refused with UNKNOWN_ROLE. */
  readonly roles: ReadonlySet<number>;
  /** Values for FCGI_GET_VALUES; other names are left out of the result. */
  readonly values: ReadonlyMap<ValueName | string, string>;
}

/** An empty buffer, shared. */
export const NO_BYTES: Buffer = Buffer.alloc(0);

/** FCGI_DATA of a request in the Filter role. */
export interface FilterData {
  readonly isEnded: boolean;
}

/**
 * What was received of a request.
 *
 * The streams are independent (section 3.3): STDIN and DATA that arrive before the end of PARAMS are buffered here.
 */
export class ApplicationRequest {
  readonly requestId: number;
  readonly role: number;
  readonly keepConn: boolean;
  /** Written by the connection: the empty record of FCGI_PARAMS was received. */
  paramsEnded = false;
  /** Written by the connection: FCGI_END_REQUEST was sent, or the connection has closed. Nothing more may be sent. */
  isEnded = false;
  #params: Buffer = NO_BYTES;
  #paramsBuffer: GrowableBuffer | undefined = undefined;
  #paramsWireLength = 0;
  #isTooLarge = false;
  #stdinEnded = false;
  #earlyStdin: EarlyStream | undefined = undefined;
  /** Created at the first record of FCGI_DATA. */
  #data: EarlyStream | undefined = undefined;

  constructor(requestId: number, role: number, keepConn: boolean) {
    this.requestId = requestId;
    this.role = role;
    this.keepConn = keepConn;
  }

  /** FCGI_PARAMS so far. */
  get params(): Buffer {
    return this.#params;
  }

  /** Whether `params` exceeded their limit and were dropped. */
  get isTooLarge(): boolean {
    return this.#isTooLarge;
  }

  /** Whether the empty record of FCGI_STDIN was received. */
  get stdinEnded(): boolean {
    return this.#stdinEnded;
  }

  /** FCGI_DATA; undefined before its first record. */
  get filterData(): FilterData | undefined {
    return this.#data;
  }

  /**
   * Counts a record of FCGI_PARAMS.
   *
   * @throws LimitError if they exceed `maxParamsWireLength`
   */
  countParams(contentLength: number, limits: ApplicationLimits): void {
    this.#paramsWireLength += contentLength;
    if (this.#paramsWireLength > limits.maxParamsWireLength) {
      throw new LimitError(`params of request ${this.requestId} exceed ${limits.maxParamsWireLength} bytes`);
    }
    if (this.#paramsWireLength > limits.maxParamsLength) {
      this.#isTooLarge = true;
      this.dropParams();
    }
  }

  /** Adds to `params`: keeps the first piece in place, and copies further ones behind it. */
  appendParams(chunk: Buffer, start: number, end: number): void {
    if (this.#params.length === 0) {
      this.#params = chunk.subarray(start, end);
      return;
    }
    this.#paramsBuffer ??= new GrowableBuffer();
    this.#params = this.#paramsBuffer.append(this.#params, chunk, start, end);
  }

  /** Frees the memory of `params`. */
  dropParams(): void {
    this.#params = NO_BYTES;
    this.#paramsBuffer = undefined;
  }

  /** Marks STDIN as ended: further records are skipped. */
  endStdin(): void {
    this.#stdinEnded = true;
  }

  /** @throws LimitError if STDIN and DATA exceed `maxEarlyStdinLength` */
  holdStdin(chunk: Buffer, start: number, end: number, limits: ApplicationLimits): void {
    this.#earlyStdin ??= new EarlyStream();
    this.#earlyStdin.append(chunk, start, end);
    this.#checkEarly(limits);
  }

  /** @throws LimitError if STDIN and DATA exceed `maxEarlyStdinLength` */
  holdData(chunk: Buffer, start: number, end: number, limits: ApplicationLimits): void {
    this.#data?.append(chunk, start, end);
    this.#checkEarly(limits);
  }

  /** Removes and returns STDIN that was held. */
  takeEarlyStdin(): Buffer | undefined {
    const early = this.#earlyStdin;
    this.#earlyStdin = undefined;
    return early?.take();
  }

  /** Notes that FCGI_DATA is used. */
  openData(): FilterData {
    this.#data ??= new EarlyStream();
    return this.#data;
  }

  /** Marks DATA as ended: further records are skipped. */
  endData(): void {
    if (this.#data !== undefined) this.#data.isEnded = true;
  }

  /** Removes and returns DATA that was held. */
  takeEarlyData(): Buffer | undefined {
    return this.#data?.take();
  }

  #checkEarly(limits: ApplicationLimits): void {
    const length = (this.#earlyStdin?.length ?? 0) + (this.#data?.length ?? 0);
    if (length <= limits.maxEarlyStdinLength) return;
    throw new LimitError(
      `request ${this.requestId} sent over ${limits.maxEarlyStdinLength} bytes of stdin or data before its params ended`,
    );
  }
}

/** A stream that began before PARAMS had ended. Its pieces are copied, so that they do not retain their chunks. */
class EarlyStream implements FilterData {
  isEnded = false;
  #bytes: Buffer = NO_BYTES;
  #buffer: GrowableBuffer | undefined = undefined;

  get length(): number {
    return this.#bytes.length;
  }

  append(chunk: Buffer, start: number, end: number): void {
    this.#buffer ??= new GrowableBuffer();
    this.#bytes = this.#buffer.append(this.#bytes, chunk, start, end);
  }

  take(): Buffer | undefined {
    const bytes = this.#bytes;
    this.#bytes = NO_BYTES;
    this.#buffer = undefined;
    return bytes.length > 0 ? bytes : undefined;
  }
}

/** What an {@link ApplicationConnection} calls, always from within `push()`. */
export interface ApplicationHandler<R extends ApplicationRequest> {
  /** Creates the state of a request, before any of its params are received. */
  createRequest(requestId: number, role: number, keepConn: boolean): R;
  /** The params are complete. */
  onRequest(request: R): void;
  /** Part of FCGI_STDIN; the chunk may be kept. */
  onStdin(request: R, chunk: Buffer): void;
  onStdinEnd(request: R): void;
  /** Part of FCGI_DATA, in the Filter role only. */
  onData(request: R, chunk: Buffer): void;
  onDataEnd(request: R): void;
  /** FCGI_ABORT_REQUEST for an open request: the handler has to send FCGI_END_REQUEST. */
  onAbort(request: R): void;
  /** Another request took the id of one whose response is complete: the rest of STDIN will not arrive. */
  onReplaced(request: R): void;
  /** A request whose response is complete was dropped, because it was aborted, or because too many wait for STDIN. */
  onLetGo(request: R): void;
  /** Bytes to send at once; `closes`: the connection has to end after them. */
  onReply(bytes: Buffer, closes: boolean): void;
}
