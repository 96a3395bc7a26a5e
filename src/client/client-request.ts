import { argumentError, describeValue } from "../listen/argument-error.ts";
import { type ProtocolStatus, RecordType, Role } from "../protocol/constants.ts";
import { FastCGIError, RequestAbortedError, TimeoutError } from "../protocol/errors.ts";
import { encodeNameValuePairs } from "../protocol/name-value.ts";
import type { ClientConnection } from "./client-connection.ts";
import { IncomingResponse, type ResponseReceiver } from "./incoming-response.ts";
import { checkOptions, type OptionKinds } from "./option-kinds.ts";
import { BodyPump, type RequestBody } from "./request-body.ts";

/** One meta-variable: a string is sent as UTF-8. */
type Pair = readonly [name: string, value: string | Uint8Array];

/** Meta-variables of a request; strings are sent as UTF-8. */
export type RequestParams = Readonly<Record<string, string>> | Iterable<Pair>;

/** Options of one request. */
export interface RequestOptions {
  /** FCGI_STDIN. Remember CONTENT_LENGTH: most programs read no further than it says. */
  body?: RequestBody | undefined;
  /** FCGI_DATA; an error without `role: Role.FILTER`. */
  data?: RequestBody | undefined;
  /** @defaultValue `Role.RESPONDER` */
  role?: Role | undefined;
  /** Aborts the request if it fires before the answer is complete. */
  signal?: AbortSignal | undefined;
  /** Whether the connection is kept for further requests. @defaultValue the client's */
  keepConn?: boolean | undefined;
  /** Time in ms without progress until the answer begins; 0 for none. @defaultValue the client's */
  headersTimeout?: number | undefined;
  /** Whether a stream given as `body` is destroyed when the answer ends before it. @defaultValue true */
  destroyBody?: boolean | undefined;
}

/** What a request takes from its client if its own options do not say. */
export interface RequestDefaults {
  readonly keepConn: boolean;
  readonly headersTimeout: number;
}

const OPTIONS: OptionKinds<RequestOptions> = {
  body: "any",
  data: "any",
  role: "any",
  signal: "any",
  keepConn: "boolean",
  headersTimeout: "time",
  destroyBody: "boolean",
};

/** Methods that may be sent twice (RFC 9110, 9.2.2). */
const IDEMPOTENT: ReadonlySet<unknown> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

const ROLES: ReadonlySet<unknown> = new Set(Object.values(Role));

/** What an {@link ClientRequest} needs of its client. */
export interface RequestOwner {
  /**
   * The kept connection was closed before anything came: the request is to be sent again, on a new one.
   *
   * @returns false if it is not, because the client is closed
   */
  onStale(request: ClientRequest): boolean;
  /** The request ended before it reached a connection. */
  onCancel(request: ClientRequest): void;
}

/** One request, waiting or on a connection, until its answer ended. */
export class ClientRequest {
  readonly role: Role;
  readonly keepConn: boolean;
  /** Name-value pairs. Encoded before the request takes a place: params that cannot be are the caller's. */
  readonly params: Uint8Array;
  requestId = 0;
  readonly #isIdempotent: boolean;
  readonly #owner: RequestOwner;
  readonly #response: IncomingResponse;
  readonly #stdin: BodyPump;
  readonly #data: BodyPump | undefined;
  readonly #signal: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  #connection: ClientConnection | undefined;
  #mayRetry = false;
  #wasRetried = false;
  #isOver = false;

  /** @throws TypeError or RangeError on params and options that are none */
  constructor(
    params: RequestParams,
    options: RequestOptions,
    defaults: RequestDefaults,
    receiver: ResponseReceiver,
    owner: RequestOwner,
  ) {
    checkOptions("request", options, OPTIONS);
    const { body, data, signal, role = Role.RESPONDER, destroyBody = true } = options;
    const pairs = readParams(params);
    pairs.forEach(checkPair);
    this.params = encodeNameValuePairs(pairs);
    this.#isIdempotent = pairs.some(([name]) => name === "REQUEST_METHOD") && pairs.every(isIdempotent);
    this.role = checkRole(role);
    this.keepConn = options.keepConn ?? defaults.keepConn;
    this.#owner = owner;
    if (data !== undefined && role !== Role.FILTER) {
      throw argumentError(
        "ERR_INVALID_ARG_VALUE",
        "option data is for the Filter role: give role: Role.FILTER, or leave it out",
      );
    }
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw argumentError("ERR_INVALID_ARG_TYPE", "option signal is no AbortSignal");
    }
    this.#response = new IncomingResponse(receiver, {
      resume: () => this.#connection?.resume(this),
      abandon: () => this.abort(abortedError("its answer was not read to the end")),
    });
    this.#stdin = this.#pump(body, RecordType.STDIN, destroyBody);
    if (role === Role.FILTER) this.#data = this.#pump(data, RecordType.DATA, destroyBody);
    this.#signal = signal;
    if (signal?.aborted) {
      this.#onSignal();
      return;
    }
    signal?.addEventListener("abort", this.#onSignal, { once: true });
    const headersTimeout = options.headersTimeout ?? defaults.headersTimeout;
    if (headersTimeout > 0) this.#timer = setTimeout(this.#onTimeout, headersTimeout, headersTimeout);
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
    this.#mayRetry =
      isReused && !this.#wasRetried && this.#isIdempotent && this.#stdin.isEmpty && !this.#data;
    try {
      this.#stdin.start();
    } catch (error) {
      // A stream of the caller's whose methods throw.
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

  /** Ends the request before its answer did. */
  abort(error: Error): void {
    if (this.#isOver) return;
    this.#finish();
    if (this.#connection) this.#connection.abort(this, this.requestId);
    else this.#owner.onCancel(this);
    this.#response.fail(error);
  }

  #pump(body: RequestBody | undefined, type: 5 | 8, destroySource: boolean): BodyPump {
    return new BodyPump(body, destroySource, {
      write: (chunk) => {
        this.#timer?.refresh();
        return this.#connection?.write(type, this.requestId, chunk) ?? false;
      },
      end: () => {
        this.#connection?.writeEnd(type, this.requestId);
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
    this.abort(new TimeoutError(`application did not answer within ${headersTimeout} ms`));
  };
}

function readParams(params: RequestParams): readonly Pair[] {
  if (typeof params !== "object" || params === null || params instanceof Promise) {
    const message = "params of a FastCGI request are to be an object, or pairs of name and value";
    throw argumentError("ERR_INVALID_ARG_TYPE", message);
  }
  return isIterable(params) ? [...params] : Object.entries(params);
}

function isIterable(params: RequestParams): params is Iterable<Pair> {
  return Symbol.iterator in params;
}

function checkPair([name, value]: Pair): void {
  if (typeof name === "string" && (typeof value === "string" || value instanceof Uint8Array)) return;
  const message = `param ${String(name)} is ${describeValue(value)}: give a string or bytes`;
  throw argumentError("ERR_INVALID_ARG_TYPE", message);
}

function isIdempotent([name, value]: Pair): boolean {
  return name !== "REQUEST_METHOD" || IDEMPOTENT.has(value);
}

function checkRole(role: Role): Role {
  if (ROLES.has(role)) return role;
  throw argumentError(
    "ERR_INVALID_ARG_VALUE",
    `option role is ${String(role)}: give Role.RESPONDER, AUTHORIZER or FILTER`,
  );
}

function abortedError(why: string, cause?: unknown): RequestAbortedError {
  return new RequestAbortedError(`request was aborted: ${why}`, { cause });
}
