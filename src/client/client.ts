import { CGIHeadParser } from "../cgi/cgi-head.ts";
import { type FastCGITarget, readConnectTarget } from "../listen/address.ts";
import { argumentError } from "../listen/argument-error.ts";
import { ValueName } from "../protocol/constants.ts";
import { ConnectionClosedError } from "../protocol/errors.ts";
import { ClientRequest } from "./client-request.ts";
import { ConnectionPool, type PoolOptions } from "./connection-pool.ts";
import type { ResponseReceiver } from "./incoming-response.ts";
import { checkOptions, type OptionKinds } from "./option-kinds.ts";
import type { RequestOptions, RequestParams } from "./request-options.ts";
import { FastCGIResponse, type RawFastCGIResponse } from "./response.ts";

/** Options of a {@link FastCGIClient}. */
export interface FastCGIClientOptions extends PoolOptions {
  /**
   * Whether connections are kept and used again (FCGI_KEEP_CONN). Not the default, because an application that
   * serves one connection at a time (a php-fpm worker, most programs with libfcgi) serves nobody else while
   * one is kept.
   *
   * @defaultValue false
   */
  keepConn?: boolean | undefined;
  /** Time in ms without progress until an answer begins; 0 for none. @defaultValue 0 */
  headersTimeout?: number | undefined;
  /** Largest length of a response head in bytes. @defaultValue 65536 */
  maxHeaderSize?: number | undefined;
}

/** The options of a client, for functions that pass them on. */
export const CLIENT_OPTIONS: OptionKinds<FastCGIClientOptions> = {
  keepConn: "boolean",
  headersTimeout: "time",
  maxHeaderSize: "length",
  multiplex: "boolean",
  maxConnections: "count",
  maxWaitingRequests: "count",
  keepAliveTimeout: "time",
};

/**
 * Sends requests to a FastCGI application, as a web server does.
 *
 * Bodies stream both ways, and no faster than the slower side: memory is bounded by about 64 KiB for each
 * stream. Kept connections do not keep the process alive.
 *
 * A request without a body, with an idempotent method, is sent a second time if it went to a kept connection
 * that the application closed at that moment without a record for it; never after `close()` or `destroy()`.
 *
 * A listener on a stream of an answer that throws destroys that stream; other requests go on, and the exception
 * becomes an `uncaughtException`.
 */
export class FastCGIClient {
  readonly #options: FastCGIClientOptions;
  readonly #pool: ConnectionPool;

  /** @throws RangeError or TypeError, with a code of Node's, on a target or an option that is none */
  constructor(target: FastCGITarget, options: FastCGIClientOptions = {}) {
    checkOptions("FastCGIClient", options, CLIENT_OPTIONS);
    this.#options = options;
    this.#pool = new ConnectionPool(readConnectTarget(target), options);
  }

  /**
   * Sends a request; resolves as soon as the head of the answer is here.
   *
   * Rejects with a subclass of `FastCGIError`: `RequestAbortedError`, `ConnectionClosedError` (an error of the
   * socket is its `cause`), `RequestRefusedError`, `ProtocolError`, `ResponseError` (the head is malformed),
   * `TimeoutError` or `LimitError` (too many requests are queued); with TypeError or RangeError on wrong params or
   * options.
   *
   * @param params the meta-variables, for instance REQUEST_METHOD and REQUEST_URI
   */
  request(params: RequestParams, options: RequestOptions = {}): Promise<FastCGIResponse> {
    return new Promise((resolve, reject) => {
      this.#start(params, options, {
        parser: new CGIHeadParser(
          this.#options.maxHeaderSize === undefined ? {} : { maxHeadLength: this.#options.maxHeaderSize },
        ),
        onHead: (head, streams) => resolve(new FastCGIResponse(head, streams)),
        onError: reject,
      });
    });
  }

  /** Sends a request like {@link request}; resolves at the first sign of an answer, which is not parsed. */
  requestRaw(params: RequestParams, options: RequestOptions = {}): Promise<RawFastCGIResponse> {
    return new Promise((resolve, reject) => {
      this.#start(params, options, { onStart: resolve, onError: reject });
    });
  }

  /**
   * Asks the application for values, on a connection of its own.
   *
   * @param names defaults to the three of the specification: FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS
   * @param timeout time in ms for the whole question; 0 for none
   * @returns the values that the application knows; numbers as decimal digits
   * @see FastCGI 1.0, section 4.1
   */
  getValues(
    names: Iterable<string> = Object.values(ValueName),
    timeout = 5000,
  ): Promise<Map<string, string>> {
    return new Promise((resolve) => {
      if (typeof names === "string") {
        throw argumentError("ERR_INVALID_ARG_TYPE", "names is a string: give a list of names");
      }
      checkOptions("getValues", { timeout }, { timeout: "time" });
      resolve(this.#pool.getValues(names, timeout));
    });
  }

  /**
   * Lets the requests that were made end, refuses others, and closes the connections.
   *
   * @returns resolves when the last connection is closed
   */
  close(): Promise<void> {
    return this.#pool.close();
  }

  /** Closes all connections at once; requests that are open or wait fail with `error`. */
  destroy(error: Error = new ConnectionClosedError("the FastCGI client was destroyed")): void {
    this.#pool.destroy(error);
  }

  #start(params: RequestParams, options: RequestOptions, receiver: ResponseReceiver): void {
    const { keepConn = false, multiplex = false, headersTimeout = 0 } = this.#options;
    const defaults = { keepConn: keepConn || multiplex, headersTimeout };
    const request = new ClientRequest(params, options, defaults, receiver, this.#pool);
    if (!request.isOver) this.#pool.submit(request);
  }
}
