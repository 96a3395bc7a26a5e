import { type IncomingMessage, type RequestListener, type ServerResponse, STATUS_CODES } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { type MountedRequest, mountPrefix, type Param, writeRequestParams } from "../cgi/request-params.ts";
import type { FastCGITarget } from "../listen/address.ts";
import { rethrowApart } from "../listen/rethrow.ts";
import { ProtocolStatus } from "../protocol/constants.ts";
import { LimitError, RequestRefusedError, ResponseError, TimeoutError } from "../protocol/errors.ts";
import { FastCGIClient } from "./client.ts";
import { hasBody, readBody, withLength } from "./gateway-body.ts";
import {
  checkGatewayOptions,
  checkParams,
  clientOptions,
  type ForwardingOptions,
  type GatewayOptions,
} from "./gateway-options.ts";
import { destroyResponse, drain, isBodiless, sendBody, sendHead } from "./gateway-response.ts";
import { http2Stream } from "./http2-stream.ts";
import type { FastCGIResponse } from "./response.ts";

/** Number of local redirects that are followed for one request (RFC 3875, 6.2.2). */
const MAX_REDIRECTS = 10;

/**
 * A request listener for `http.createServer()` and for the compatibility API of `http2.createServer()` and
 * `http2.createSecureServer()`; also a middleware of Express and Connect.
 */
export interface Gateway extends RequestListener {
  (req: Http2ServerRequest, res: Http2ServerResponse): void;
  /** The client that sends the requests. Close it when the server closes. */
  readonly client: FastCGIClient;
}

/**
 * Creates a request listener that forwards HTTP requests to a FastCGI application: for a small web server, or for
 * PHP below a path of an Express application.
 *
 * Both bodies are streamed with backpressure. The request is aborted when the HTTP client disconnects. An error
 * before the head of the response is complete is responded to with 502, 503 (overloaded) or 504 (time-out); a later
 * one destroys the connection to the HTTP client, so that a response that is cut off does not look complete. Errors
 * include a body longer or shorter than its Content-Length, and without Content-Length an `appStatus` other than 0.
 *
 * Mount it before body parsers: a body that was read cannot be forwarded.
 *
 * Over HTTP/2, `:authority` is forwarded as Host; trailers are not forwarded.
 *
 * @param target where the application listens, or a client with options of its own
 * @throws TypeError or RangeError, with one of Node's codes, on a wrong target or option
 * @example
 * ```ts
 * http.createServer(createGateway(9000)).listen(8080);
 * app.use("/blog", createGateway("/run/php/php-fpm.sock", { documentRoot: "/srv/blog" }));
 * ```
 * @see RFC 3875; FastCGI 1.0, section 6.2
 */
export function createGateway(target: FastCGITarget, options?: GatewayOptions): Gateway;
/** Creates a request listener that forwards HTTP requests with a client of the caller. */
export function createGateway(client: FastCGIClient, options?: ForwardingOptions): Gateway;
export function createGateway(target: FastCGITarget | FastCGIClient, options: GatewayOptions = {}): Gateway {
  checkGatewayOptions(options, target instanceof FastCGIClient);
  const client = target instanceof FastCGIClient ? target : new FastCGIClient(target, clientOptions(options));
  const handler = (req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse) => {
    // Only members that node:http2's messages have, too, are used.
    new Forwarding(client, options, req as IncomingMessage, res as ServerResponse).run();
  };
  return Object.assign(handler, { client });
}

/** One request that is forwarded. */
class Forwarding {
  readonly #client: FastCGIClient;
  readonly #options: GatewayOptions;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #controller: AbortController = new AbortController();
  /** The response of the application. */
  #response: FastCGIResponse | undefined;
  /** Whether the response to the HTTP client is complete: `close` of `res` is then no abort. */
  #hasResponded = false;

  constructor(client: FastCGIClient, options: GatewayOptions, req: IncomingMessage, res: ServerResponse) {
    this.#client = client;
    this.#options = options;
    this.#req = req;
    this.#res = res;
  }

  /** Forwards the request. Errors are responded to, or cut the response off. */
  run(): void {
    // The HTTP client disconnected during a middleware: `close` was emitted already.
    if (this.#res.destroyed || http2Stream(this.#req)?.destroyed) return;
    this.#res.once("close", () => {
      if (!this.#hasResponded) this.#controller.abort(new Error("the HTTP client closed the connection"));
    });
    this.#forward()
      .catch((error: Error) => this.#fail(error))
      // Drains the rest of a body that the application did not read.
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
      // It would keep its connection until the application ends it.
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

  /** Whether the body has no Content-Length and is for a script, which reads no further than CONTENT_LENGTH. */
  #needsLength(): boolean {
    const { documentRoot, scriptFilename } = this.#options;
    return (
      this.#req.headers["content-length"] === undefined && (documentRoot ?? scriptFilename) !== undefined
    );
  }

  /** Returns the meta-variables of a request; undefined if the caller's function threw, and 500 was sent. */
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
          rethrowApart(error);
        }
      });
    }
    return response;
  }

  /** Returns the request that a local redirect stands for; undefined if it leads out of the mount. */
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
    // A response that is not forwarded would keep its connection until the application ends it.
    this.#response?.body.destroy();
    const isOverloaded =
      error instanceof LimitError ||
      (error instanceof RequestRefusedError && error.protocolStatus === ProtocolStatus.OVERLOADED);
    const status = isOverloaded ? 503 : error instanceof TimeoutError ? 504 : 502;
    this.#sendError(status, error.message, error);
  }

  #sendError(status: number, message: string, error: Error = new Error(message)): void {
    // The HTTP client disconnected: there is nobody to respond to.
    if (this.#controller.signal.aborted) return;
    try {
      this.#options.onError?.(error, this.#req);
    } catch (thrown) {
      rethrowApart(thrown);
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
      // HTTP/2 has no reason phrase; node:http2 warns on stderr if one is set.
      if (this.#req.httpVersionMajor < 2) res.statusMessage = STATUS_CODES[status] ?? "";
      res.setHeader("Content-Type", "text/plain");
      res.end(`${STATUS_CODES[status]}\n`);
    } catch (thrown) {
      // A method of `res` that a middleware replaced threw.
      destroyResponse(this.#req, res);
      rethrowApart(thrown);
    }
  }
}

/** Returns a variable with its value as bytes: it is Latin-1, and the client sends strings as UTF-8. */
function encodeParam([name, value]: Param): [string, string | Uint8Array] {
  return [name, Buffer.byteLength(value) === value.length ? value : Buffer.from(value, "latin1")];
}
