import { type InputStreamType, type ProtocolStatus, RecordType, Role } from "../protocol/constants.ts";
import { FastCGIError, RequestAbortedError, TimeoutError } from "../protocol/errors.ts";
import { encodeNameValuePairs } from "../protocol/name-value.ts";
import { IncomingResponse, type ResponseReceiver } from "./incoming-response.ts";
import { BodyPump, type RequestBody } from "./request-body.ts";
import {
  checkRequestOptions,
  isIdempotent,
  type RequestOptions,
  type RequestParams,
  readParams,
  roleNumber,
} from "./request-options.ts";

/** Options that a request inherits from its client. */
export interface RequestDefaults {
  readonly keepConn: boolean;
  readonly headersTimeout: number;
}

/** What a {@link ClientRequest} needs of its client. */
export interface RequestOwner {
  /**
   * Sends the request again, on a new connection: its kept connection was closed before a record arrived.
   *
   * @returns false if the client is closed
   */
  onStale(request: ClientRequest): boolean;
  /** The request ended before it was attached to a connection. */
  onCancel(request: ClientRequest): void;
}

/** What a {@link ClientRequest} needs of its connection. */
export interface RequestConnection {
  /** Sends part of a stream; returns false if the socket's buffer is full, until `onDrain()`. */
  write(type: InputStreamType, requestId: number, content: Uint8Array): boolean;
  /** Sends the end of a stream. */
  writeEnd(type: InputStreamType, requestId: number): void;
  /** Stops reading until `resume()` of the same request. */
  pause(request: ClientRequest): void;
  resume(request: ClientRequest): void;
  /** Aborts the request. No method of it is called afterwards. */
  abort(request: ClientRequest, requestId: number): void;
}

/**
 * One request of a client. It is queued by its owner, attached to a connection (twice, if it is sent again), and
 * over when its response is complete or it failed. The connection then calls it no more.
 *
 * Parameters are encoded and options checked in the constructor, so that a wrong argument never takes a place in the
 * queue.
 */
export class ClientRequest {
  readonly role: Role;
  readonly keepConn: boolean;
  /** The meta-variables as a name-value stream. */
  readonly params: Uint8Array;
  requestId = 0;
  readonly #isIdempotent: boolean;
  readonly #owner: RequestOwner;
  readonly #response: IncomingResponse;
  readonly #stdin: BodyPump;
  readonly #data: BodyPump | undefined;
  readonly #signal: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  #connection: RequestConnection | undefined;
  #mayRetry = false;
  #wasRetried = false;
  #isOver = false;

  /** @throws TypeError or RangeError on wrong params or options */
  constructor(
    params: RequestParams,
    options: RequestOptions,
    defaults: RequestDefaults,
    receiver: ResponseReceiver,
    owner: RequestOwner,
  ) {
    checkRequestOptions(options);
    const { body, data, signal, destroyBody = true } = options;
    const pairs = readParams(params);
    this.params = encodeNameValuePairs(pairs);
    this.#isIdempotent = isIdempotent(pairs);
    this.role = roleNumber(options.role);
    this.keepConn = options.keepConn ?? defaults.keepConn;
    this.#owner = owner;
    this.#response = new IncomingResponse(receiver, {
      resume: () => this.#connection?.resume(this),
      abandon: () => this.abort(abortedError("its response was not read to the end")),
    });
    this.#stdin = this.#pump(body, RecordType.STDIN, destroyBody);
    if (this.role === Role.FILTER) this.#data = this.#pump(data, RecordType.DATA, destroyBody);
    this.#signal = signal;
    if (signal?.aborted) {
      this.#onSignal();
      return;
    }
    signal?.addEventListener("abort", this.#onSignal, { once: true });
    const headersTimeout = options.headersTimeout ?? defaults.headersTimeout;
    if (headersTimeout > 0) this.#timer = setTimeout(this.#onTimeout, headersTimeout, headersTimeout);
  }

  /** Whether the request ended, successfully or not. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether the whole body was sent. */
  get isBodySent(): boolean {
    return this.#stdin.isEnded && this.#data?.isEnded !== false;
  }

  /**
   * Assigns the request to a connection that has sent its params, and starts to send its body.
   *
   * @param isReused whether the connection had requests before: the application may have closed it already
   */
  attach(connection: RequestConnection, requestId: number, isReused: boolean): void {
    this.#connection = connection;
    this.requestId = requestId;
    this.#mayRetry =
      isReused && !this.#wasRetried && this.#isIdempotent && this.#stdin.isEmpty && !this.#data;
    try {
      this.#stdin.start();
    } catch (error) {
      // Methods of the caller's stream.
      this.abort(abortedError(`its body failed: ${String(error)}`, error));
    }
  }

  onStdout(content: Buffer): void {
    try {
      if (!this.#response.addStdout(content)) this.#connection?.pause(this);
    } catch (error) {
      if (!(error instanceof FastCGIError)) throw error;
      this.abort(error);
    }
    this.#onProgress();
  }

  onStderr(content: Buffer): void {
    this.#response.addStderr(content);
    this.#onProgress();
  }

  onEnd(appStatus: number, protocolStatus: ProtocolStatus): void {
    this.#finish();
    this.#response.end({ appStatus, protocolStatus });
  }

  /** @param isStale whether the application closed the connection without a record for this request */
  onClose(error: Error, isStale: boolean): void {
    if (this.#mayRetry && isStale && !this.#isOver) {
      this.#connection = undefined;
      this.#wasRetried = true;
      if (this.#owner.onStale(this)) return;
    }
    this.#finish();
    this.#response.fail(error);
  }

  onDrain(): void {
    this.#stdin.resume();
    this.#data?.resume();
  }

  /** Ends the request before its response is complete. */
  abort(error: Error): void {
    if (this.#isOver) return;
    this.#finish();
    if (this.#connection) this.#connection.abort(this, this.requestId);
    else this.#owner.onCancel(this);
    this.#response.fail(error);
  }

  #pump(body: RequestBody | undefined, type: InputStreamType, destroySource: boolean): BodyPump {
    return new BodyPump(body, destroySource, {
      write: (chunk) => {
        this.#timer?.refresh();
        return this.#connection?.write(type, this.requestId, chunk) ?? false;
      },
      end: () => {
        this.#connection?.writeEnd(type, this.requestId);
        // FastCGI 1.0, 6.4: FCGI_DATA follows FCGI_STDIN.
        if (type === RecordType.STDIN) this.#data?.start();
      },
      fail: (error) => this.abort(abortedError(`its body failed: ${error.message}`, error)),
    });
  }

  #onProgress(): void {
    if (this.#response.isDelivered) clearTimeout(this.#timer);
    else this.#timer?.refresh();
  }

  #finish(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onSignal);
    this.#stdin.stop();
    this.#data?.stop();
  }

  readonly #onSignal = (): void => {
    this.abort(abortedError("its signal fired", this.#signal?.reason));
  };

  readonly #onTimeout = (headersTimeout: number): void => {
    this.abort(new TimeoutError(`application did not respond within ${headersTimeout} ms`));
  };
}

function abortedError(why: string, cause?: unknown): RequestAbortedError {
  return new RequestAbortedError(`request was aborted: ${why}`, { cause });
}
