import { type ProtocolStatus, RecordType, Role } from "../protocol/constants.ts";
import { FastCGIError, RequestAbortedError } from "../protocol/errors.ts";
import { Answer, type AnswerReceiver } from "./answer.ts";
import type { ClientConnection } from "./connection.ts";
import { BodyPump, type RequestBody } from "./request-body.ts";

/** One meta-variable: a string is sent as UTF-8. */
type Pair = readonly [name: string, value: string | Uint8Array];

/** Meta-variables of a request; strings are sent as UTF-8. */
export type RequestParams = Readonly<Record<string, string>> | Iterable<Pair>;

/** Options of one request. */
export interface RequestOptions {
  /** FCGI_STDIN. Remember CONTENT_LENGTH: most programs read no further than it says. */
  body?: RequestBody | undefined;
  /** FCGI_DATA, for the Filter role. */
  data?: RequestBody | undefined;
  /** @defaultValue `Role.RESPONDER` */
  role?: Role;
  /** Aborts the request if it fires before the answer is complete. */
  signal?: AbortSignal | undefined;
  /** Whether the connection is kept for further requests. @defaultValue the client's */
  keepConn?: boolean;
  /** Time in ms without progress until the answer begins; 0 for none. @defaultValue the client's */
  timeoutMs?: number;
  /** Whether a stream given as `body` is destroyed when the answer ends before it. @defaultValue true */
  destroyBody?: boolean;
}

/** Methods that may be sent twice (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** What an {@link Exchange} needs of its client. */
export interface ExchangeOwner {
  /** The kept connection was closed before anything came: the request is to be sent again, on a new one. */
  onStale(exchange: Exchange): void;
  /** The request ended before it reached a connection. */
  onCancel(exchange: Exchange): void;
}

/** One request, waiting or on a connection, until its answer ended. */
export class Exchange {
  readonly role: Role;
  readonly keepConn: boolean;
  readonly params: readonly Pair[];
  requestId = 0;
  readonly #owner: ExchangeOwner;
  readonly #answer: Answer;
  readonly #stdin: BodyPump;
  readonly #data: BodyPump | undefined;
  readonly #signal: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  #connection: ClientConnection | undefined;
  #mayRetry = false;
  #wasRetried = false;
  #isOver = false;

  constructor(
    params: RequestParams,
    options: RequestOptions,
    receiver: AnswerReceiver,
    owner: ExchangeOwner,
  ) {
    this.params = isIterable(params) ? [...params] : Object.entries(params);
    this.role = options.role ?? Role.RESPONDER;
    this.keepConn = options.keepConn ?? false;
    this.#owner = owner;
    this.#answer = new Answer(receiver, {
      resume: () => this.#connection?.resume(this),
      abandon: () => this.abort(abortedError("its answer was not read to the end")),
    });
    const destroyBody = options.destroyBody ?? true;
    this.#stdin = new BodyPump(options.body, destroyBody);
    if (this.role === Role.FILTER) this.#data = new BodyPump(options.data, destroyBody);
    this.#signal = options.signal;
    if (this.#signal?.aborted) {
      this.#onSignal();
      return;
    }
    this.#signal?.addEventListener("abort", this.#onSignal, { once: true });
    if (options.timeoutMs) this.#timer = setTimeout(this.#onTimeout, options.timeoutMs, options.timeoutMs);
  }

  /** Whether it ended, by whomever. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether all of the request went out. */
  get isBodySent(): boolean {
    return this.#stdin.isEnded && this.#data?.isEnded !== false;
  }

  /**
   * Takes its place on a connection that has sent its params, and begins to send the body.
   *
   * @param isReused whether the connection had requests before, so that it can be stale
   */
  attach(connection: ClientConnection, requestId: number, isReused: boolean): void {
    this.#connection = connection;
    this.requestId = requestId;
    const method = String(this.params.find(([name]) => name === "REQUEST_METHOD")?.[1]);
    this.#mayRetry =
      isReused && !this.#wasRetried && this.#stdin.isEmpty && !this.#data && IDEMPOTENT.has(method);
    this.#pump(this.#stdin, RecordType.STDIN, () => {
      if (this.#data) this.#pump(this.#data, RecordType.DATA, () => {});
    });
  }

  onStdout(content: Buffer): void {
    try {
      if (!this.#answer.addStdout(content)) this.#connection?.pause(this);
    } catch (error) {
      if (!(error instanceof FastCGIError)) throw error;
      this.abort(error);
    }
    this.#onProgress();
  }

  onStderr(content: Buffer): void {
    this.#answer.addStderr(content);
    this.#onProgress();
  }

  onEnd(appStatus: number, protocolStatus: ProtocolStatus): void {
    this.#finish();
    this.#answer.end({ appStatus, protocolStatus });
  }

  onClose(error: Error): void {
    if (this.#mayRetry && !this.#answer.hasBegun && !this.#isOver) {
      this.#connection = undefined;
      this.#wasRetried = true;
      this.#owner.onStale(this);
      return;
    }
    this.#finish();
    this.#answer.fail(error);
  }

  onDrain(): void {
    this.#stdin.resume();
    this.#data?.resume();
  }

  /** Ends the request before its answer did. */
  abort(error: Error): void {
    if (this.#isOver) return;
    this.#finish();
    if (this.#connection) this.#connection.abort(this, this.requestId);
    else this.#owner.onCancel(this);
    this.#answer.fail(error);
  }

  #pump(body: BodyPump, type: 5 | 8, onEnd: () => void): void {
    body.start({
      write: (chunk) => {
        this.#timer?.refresh();
        return this.#connection?.write(type, this.requestId, chunk) ?? false;
      },
      end: () => {
        this.#connection?.writeEnd(type, this.requestId);
        onEnd();
      },
      fail: (error) => this.abort(abortedError(`its body failed: ${error.message}`, error)),
    });
  }

  #onProgress(): void {
    if (this.#answer.isDelivered) clearTimeout(this.#timer);
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

  readonly #onTimeout = (timeoutMs: number): void => {
    this.abort(new FastCGIError("ERR_FCGI_TIMEOUT", `application did not answer within ${timeoutMs} ms`));
  };
}

function isIterable(params: RequestParams): params is Iterable<Pair> {
  return Symbol.iterator in params;
}

function abortedError(why: string, cause?: unknown): RequestAbortedError {
  return new RequestAbortedError("ERR_FCGI_ABORTED", `request was aborted: ${why}`, { cause });
}
