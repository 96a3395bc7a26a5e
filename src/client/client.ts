import { CGIHeadParser } from "../cgi/cgi-head.ts";
import { type FastCGITarget, readConnectTarget } from "../listen/address.ts";
import { argumentError } from "../listen/argument-error.ts";
import { ValueName } from "../protocol/constants.ts";
import { ConnectionClosedError } from "../protocol/errors.ts";
import { CLIENT_OPTIONS, type FastCGIClientOptions } from "./client-options.ts";
import { ClientRequest } from "./client-request.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { ResponseReceiver } from "./incoming-response.ts";
import { checkOptions } from "./option-kinds.ts";
import type { RequestOptions, RequestParams } from "./request-options.ts";
import { type FastCGIResponse, ParsedResponse, type RawFastCGIResponse } from "./response.ts";

/**
 * Sends requests to a FastCGI application, as a web server does. Errors of its methods are rejections.
 *
 * Bodies are streamed in both directions with backpressure: about 64 KiB are buffered per stream. Idle connections
 * do not keep the process alive.
 *
 * A request is sent a second time if its kept connection was closed before a record of the response arrived, its
 * method is idempotent and it has no body; never after `close()` or `destroy()`.
 *
 * An exception of a listener on a stream of a response destroys that stream and becomes an `uncaughtException`.
 * Other requests are not affected.
 *
 * @example
 * ```ts
 * const client = new FastCGIClient(9000);
 * const response = await client.request({ REQUEST_METHOD: "GET", REQUEST_URI: "/", SCRIPT_NAME: "/" });
 * console.log(response.statusCode, response.headers["content-type"]);
 * for await (const chunk of response.body) process.stdout.write(chunk);
 * await client.close();
 * ```
 * @see FastCGI 1.0, section 3
 */
export class FastCGIClient {
  readonly #options: FastCGIClientOptions;
  readonly #pool: ConnectionPool;

  /**
   * Opens no connection yet.
   *
   * @param target where the application listens
   * @throws TypeError or RangeError, with one of Node's codes, on a wrong target or option
   */
  constructor(target: FastCGITarget, options: FastCGIClientOptions = {}) {
    checkOptions("FastCGIClient", options, CLIENT_OPTIONS);
    this.#options = options;
    this.#pool = new ConnectionPool(readConnectTarget(target), options);
  }

  /**
   * Sends a request. Resolves when the head of the response is complete; its body is a stream.
   *
   * @param params the meta-variables, for instance REQUEST_METHOD and REQUEST_URI
   * @throws TypeError or RangeError on wrong params or options
   * @throws RequestAbortedError, ConnectionClosedError (an error of the socket is its `cause`),
   *   RequestRefusedError, ProtocolError, ResponseError if the head is malformed, TimeoutError, or LimitError if too
   *   many requests are queued
   * @example
   * ```ts
   * const client = new FastCGIClient(9000);
   * const params = { REQUEST_METHOD: "POST", REQUEST_URI: "/", CONTENT_LENGTH: "5" };
   * const { statusCode, body } = await client.request(params, { body: "hello", signal: AbortSignal.timeout(1000) });
   * ```
   */
  request(params: RequestParams, options: RequestOptions = {}): Promise<FastCGIResponse> {
    return new Promise((resolve, reject) => {
      const { maxHeaderSize } = this.#options;
      this.#start(params, options, {
        parser: new CGIHeadParser(maxHeaderSize === undefined ? {} : { maxHeadLength: maxHeaderSize }),
        onHead: (head, streams) => resolve(new ParsedResponse(head, streams)),
        onError: reject,
      });
    });
  }

  /**
   * Sends a request and does not parse its response. Resolves with the first record of the response.
   *
   * @throws the errors of {@link request}, except ResponseError
   * @example
   * ```ts
   * const client = new FastCGIClient(9000);
   * const { stdout, ended } = await client.requestRaw({ REQUEST_METHOD: "GET", REQUEST_URI: "/" });
   * stdout.pipe(process.stdout);
   * console.log((await ended).appStatus);
   * ```
   */
  requestRaw(params: RequestParams, options: RequestOptions = {}): Promise<RawFastCGIResponse> {
    return new Promise((resolve, reject) => {
      this.#start(params, options, { onStart: resolve, onError: reject });
    });
  }

  /**
   * Asks the application for variables with FCGI_GET_VALUES, on a connection that is closed afterwards.
   *
   * @param names default: the three of the specification, see {@link ValueName}
   * @param timeout time in ms until the response; 0 for no limit
   * @returns the variables that the application knows, numbers as decimal digits; empty if it does not know
   *   FCGI_GET_VALUES
   * @throws TypeError or RangeError on wrong arguments, TimeoutError, ConnectionClosedError or
   *   ProtocolError
   * @example
   * ```ts
   * const client = new FastCGIClient(9000);
   * const values = await client.getValues();
   * console.log(values.get("FCGI_MPXS_CONNS")); // "1"
   * ```
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
   * Closes the client gracefully: running and queued requests complete, new ones are rejected with a
   * `ConnectionClosedError`.
   *
   * @returns resolves when the last connection is closed
   * @example
   * ```ts
   * const client = new FastCGIClient(9000);
   * await client.close();
   * ```
   */
  close(): Promise<void> {
    return this.#pool.close();
  }

  /**
   * Closes all connections immediately. Running and queued requests fail with `error`.
   *
   * @param error default: a ConnectionClosedError
   * @example
   * ```ts
   * const client = new FastCGIClient(9000);
   * client.destroy();
   * ```
   */
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
