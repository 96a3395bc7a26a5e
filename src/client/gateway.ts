import { type IncomingMessage, type RequestListener, type ServerResponse, STATUS_CODES } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { type MountedRequest, mountPrefix, type Param, writeRequestParams } from "../cgi/request-params.ts";
import type { FastCGITarget } from "../listen/address.ts";
import { ProtocolStatus } from "../protocol/constants.ts";
import { LimitError, RequestRefusedError, ResponseError, TimeoutError } from "../protocol/errors.ts";
import { FastCGIClient } from "./client.ts";
import { hasBody, readBody, withLength } from "./gateway-body.ts";
import { checkGatewayOptions, checkParams, type GatewayOptions } from "./gateway-options.ts";
import { destroyResponse, drain, isBodiless, sendBody, sendHead } from "./gateway-response.ts";
import { http2Stream } from "./http2-stream.ts";
import type { FastCGIResponse } from "./response.ts";
import { rethrow } from "./rethrow.ts";

/** Local redirects that one request may lead to (RFC 3875, 6.2.2). */
const MAX_REDIRECTS = 10;

/**
 * A handler for `http.createServer()` and for the compatibility API of `http2.createServer()` and
 * `http2.createSecureServer()`, and a middleware for Express and Connect.
 */
export interface Gateway extends RequestListener {
  (req: Http2ServerRequest, res: Http2ServerResponse): void;
  /** The client below; close it with the server. */
  readonly client: FastCGIClient;
}

/**
 * Creates a handler that forwards HTTP requests to a FastCGI application: a small web server for one, or a PHP
 * mount in an Express app.
 *
 * Both bodies are streamed, no faster than the slower side takes them. The request is aborted when the browser
 * goes. If the application fails before the head of its answer, the browser gets 502, 503 (overloaded) or 504
 * (time-out); after it, the browser's connection is destroyed, so that half an answer does not look whole. That
 * includes an answer longer or shorter than its Content-Length, and an `appStatus` other than 0.
 *
 * Mount it before body parsers: what they have read cannot be forwarded.
 *
 * Over HTTP/2, `:authority` is passed on as Host, and trailers are not passed on.
 *
 * @param target where the application listens, or a client, whose own options then count
 * @throws RangeError or TypeError, with a code of Node's, on a target or an option that is none, and on options
 *   of a client beside a client
 * @example
 * ```ts
 * http.createServer(createGateway(9000)).listen(8080);
 * app.use("/blog", createGateway("/run/php/php-fpm.sock", { documentRoot: "/srv/blog" }));
 * ```
 */
export function createGateway(target: FastCGITarget | FastCGIClient, options: GatewayOptions = {}): Gateway {
  checkGatewayOptions(options, target instanceof FastCGIClient);
  const client = target instanceof FastCGIClient ? target : createClient(target, options);
  const handler = (req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse) => {
    // What node:http2's messages lack of node:http's is not asked for.
    new Forwarding(client, options, req as IncomingMessage, res as ServerResponse).run();
  };
  return Object.assign(handler, { client });
}

function createClient(target: FastCGITarget, options: GatewayOptions): FastCGIClient {
  const { keepConn, maxHeaderSize, multiplex, maxConnections, maxWaitingRequests, keepAliveTimeout } =
    options;
  return new FastCGIClient(target, {
    headersTimeout: options.headersTimeout ?? 60000,
    keepConn,
    maxHeaderSize,
    multiplex,
    maxConnections,
    maxWaitingRequests,
    keepAliveTimeout,
  });
}

/** One request on its way through the gateway. */
class Forwarding {
  readonly #client: FastCGIClient;
  readonly #options: GatewayOptions;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #controller: AbortController = new AbortController();
  /** The answer that is being forwarded. */
  #response: FastCGIResponse | undefined;
  /** Whether the browser has, or is about to have, a whole response of ours. */
  #hasResponded = false;

  constructor(client: FastCGIClient, options: GatewayOptions, req: IncomingMessage, res: ServerResponse) {
    this.#client = client;
    this.#options = options;
    this.#req = req;
    this.#res = res;
  }

  run(): void {
    // A middleware took so long that the browser is gone: `close` would not come again.
    if (this.#res.destroyed || http2Stream(this.#req)?.destroyed) return;
    this.#res.once("close", () => {
      if (!this.#hasResponded) this.#controller.abort(new Error("the browser closed the connection"));
    });
    this.#forward()
      .catch((error: Error) => this.#fail(error))
      // The rest of a body that the application did not want.
      .finally(() => this.#req.resume());
  }

  async #forward(): Promise<void> {
    const req = this.#req;
    let body: IncomingMessage | Buffer | undefined;
    let described: MountedRequest = req;
    if (hasBody(req)) {
      if (req.readableDidRead) {
        return this.#sendError(500, "the body was read before the gateway: mount it before body parsers");
      }
      body = req;
      if (this.#needsLength()) {
        body = await readBody(req, this.#options.maxHeldBody ?? 65536);
        if (body === undefined) {
          return this.#sendError(411, "a CGI program does not read a body without CONTENT_LENGTH");
        }
        described = withLength(req, body.length);
      }
    }
    const params = this.#params(described);
    if (params === undefined) return;
    let response = await this.#request(params, body);
    for (let redirects = 0; response.localRedirect !== undefined; redirects++) {
      const redirected = this.#redirect(response.localRedirect);
      if (redirected === undefined) break;
      // It has a place in the pool as long as the application leaves it open.
      drain(response);
      const params = this.#params(redirected);
      if (params === undefined) return;
      if (redirects === MAX_REDIRECTS) {
        throw new ResponseError(`more than ${MAX_REDIRECTS} local redirects`);
      }
      response = await this.#request(params);
    }
    const length = sendHead(this.#res, response);
    if (isBodiless(req, response)) {
      this.#hasResponded = true;
      this.#res.end();
      drain(response);
      return;
    }
    await sendBody(this.#res, response, length);
    this.#hasResponded = true;
    this.#res.end();
  }

  /** Whether the body is for a program that does not read one of unknown length. */
  #needsLength(): boolean {
    const { documentRoot, scriptFilename } = this.#options;
    return (
      this.#req.headers["content-length"] === undefined && (documentRoot ?? scriptFilename) !== undefined
    );
  }

  /** Meta-variables of a request; undefined if the caller's function failed, and 500 is sent. */
  #params(req: MountedRequest): Param[] | undefined {
    try {
      const { params } = this.#options;
      if (typeof params !== "function") return writeRequestParams(req, this.#options);
      const extra = params(req);
      checkParams(extra);
      return writeRequestParams(req, { ...this.#options, params: extra });
    } catch (error) {
      this.#sendError(500, String(error), error instanceof Error ? error : undefined);
      return undefined;
    }
  }

  async #request(params: Param[], body?: IncomingMessage | Buffer): Promise<FastCGIResponse> {
    const response = await this.#client.request(params.map(encodeParam), {
      body,
      destroyBody: false,
      signal: this.#controller.signal,
    });
    this.#response = response;
    const { onStderr } = this.#options;
    if (onStderr) {
      response.stderr.on("data", (chunk: Buffer) => {
        try {
          onStderr(chunk, this.#req);
        } catch (error) {
          rethrow(error);
        }
      });
    }
    return response;
  }

  /** The request that a local redirect stands for; none if it leads out of the mount. */
  #redirect(location: string): MountedRequest | undefined {
    const mount = mountPrefix(this.#req);
    if (mount !== "" && !location.startsWith(`${mount}/`)) return undefined;
    return {
      ...withLength(this.#req, undefined),
      method: this.#req.method === "HEAD" ? "HEAD" : "GET",
      url: location.slice(mount.length),
      originalUrl: location,
      baseUrl: mount,
    };
  }

  #fail(error: Error): void {
    // Else an answer that the browser does not get has a place in the pool for as long as the application likes.
    this.#response?.body.destroy();
    const isOverloaded =
      error instanceof LimitError ||
      (error instanceof RequestRefusedError && error.protocolStatus === ProtocolStatus.OVERLOADED);
    const status = isOverloaded ? 503 : error instanceof TimeoutError ? 504 : 502;
    this.#sendError(status, error.message, error);
  }

  #sendError(status: number, message: string, error: Error = new Error(message)): void {
    // That the browser went is nobody's error.
    if (this.#controller.signal.aborted) return;
    try {
      this.#options.onError?.(error, this.#req);
    } catch (thrown) {
      rethrow(thrown);
    }
    const res = this.#res;
    this.#hasResponded = true;
    if (res.headersSent) {
      destroyResponse(this.#req, res);
      return;
    }
    try {
      for (const name of res.getHeaderNames()) res.removeHeader(name);
      res.statusCode = status;
      // HTTP/2 has no reason phrase, and says so on stderr if it is given one.
      if (this.#req.httpVersionMajor < 2) res.statusMessage = STATUS_CODES[status] ?? "";
      res.setHeader("Content-Type", "text/plain");
      res.end(`${STATUS_CODES[status]}\n`);
    } catch (thrown) {
      // Methods of the response that a middleware replaced.
      destroyResponse(this.#req, res);
      rethrow(thrown);
    }
  }
}

/** Params are bytes as Latin-1, the client would send them as UTF-8. */
function encodeParam([name, value]: Param): [string, string | Uint8Array] {
  return [name, Buffer.byteLength(value) === value.length ? value : Buffer.from(value, "latin1")];
}
