import { type IncomingMessage, type RequestListener, type ServerResponse, STATUS_CODES } from "node:http";
import { mountPrefix, type Param, type SiteOptions, writeRequestParams } from "../cgi/request-params.ts";
import { ProtocolStatus } from "../protocol/constants.ts";
import { FastCGIError, RequestRefusedError } from "../protocol/errors.ts";
import { FastCGIClient, type FastCGIClientOptions } from "./client.ts";
import { destroyResponse, isBodiless, sendBody, sendHead } from "./gateway-response.ts";
import type { FastCGIResponse } from "./response.ts";
import type { FastCGITarget } from "./target.ts";

/** Local redirects that one request may lead to (RFC 3875, 6.2.2). */
const MAX_REDIRECTS = 10;

/** Options of {@link createGateway}: those of its client, and what follows. */
export interface GatewayOptions extends SiteOptions, FastCGIClientOptions {
  /**
   * Time in ms without progress until an answer begins: 504 then; 0 for none.
   *
   * @defaultValue 60000
   */
  timeoutMs?: number;
  /** Hears why a request was not answered, or not to the end. */
  onError?: (error: Error, req: IncomingMessage) => void;
  /** Hears FCGI_STDERR, as it comes. Without it, it is dropped. */
  onStderr?: (chunk: Buffer, req: IncomingMessage) => void;
}

/** A handler for `http.createServer()`, and a middleware for Express and Connect. */
export interface Gateway extends RequestListener {
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
 * @param target where the application listens, or a client, whose own options then count
 * @throws RangeError or TypeError if `target` is no port and no path
 * @example
 * ```ts
 * http.createServer(createGateway(9000)).listen(8080);
 * app.use("/blog", createGateway("/run/php/php-fpm.sock", { documentRoot: "/srv/blog" }));
 * ```
 */
export function createGateway(target: FastCGITarget | FastCGIClient, options: GatewayOptions = {}): Gateway {
  const client =
    target instanceof FastCGIClient ? target : new FastCGIClient(target, { timeoutMs: 60000, ...options });
  const handler: RequestListener = (req, res) => {
    new Forwarding(client, options, req, res).run();
  };
  return Object.assign(handler, { client });
}

/** One request on its way through the gateway. */
class Forwarding {
  readonly #client: FastCGIClient;
  readonly #options: GatewayOptions;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #controller: AbortController = new AbortController();

  constructor(client: FastCGIClient, options: GatewayOptions, req: IncomingMessage, res: ServerResponse) {
    this.#client = client;
    this.#options = options;
    this.#req = req;
    this.#res = res;
  }

  run(): void {
    this.#res.once("close", () => {
      if (!this.#res.writableFinished) this.#controller.abort(new Error("the browser closed the connection"));
    });
    this.#forward()
      .catch((error: Error) => this.#fail(error))
      // The rest of a body that the application did not want.
      .finally(() => this.#req.resume());
  }

  async #forward(): Promise<void> {
    const req = this.#req;
    const refusal = this.#refusal();
    if (refusal) return this.#sendError(...refusal);
    const params = writeRequestParams(req, this.#options);
    let response = await this.#request(params, hasBody(req) ? req : undefined);
    for (let redirects = 0; response.localRedirect !== undefined; redirects++) {
      const redirected = this.#redirect(response.localRedirect);
      if (redirected === undefined) break;
      if (redirects === MAX_REDIRECTS) {
        throw new FastCGIError("ERR_FCGI_HEAD", `more than ${MAX_REDIRECTS} local redirects`);
      }
      response.body.resume();
      response = await this.#request(redirected);
    }
    const length = sendHead(this.#res, response);
    if (isBodiless(req, response)) return this.#endWithoutBody(response);
    await sendBody(this.#res, response, length);
  }

  /** What is answered without asking the application: status and reason. */
  #refusal(): [number, string] | undefined {
    const { headers, readableDidRead } = this.#req;
    if (!hasBody(this.#req)) return undefined;
    if (readableDidRead) return [500, "the body was read before the gateway: mount it before body parsers"];
    const { documentRoot, scriptFilename } = this.#options;
    if (headers["content-length"] === undefined && (documentRoot ?? scriptFilename) !== undefined) {
      return [411, "a CGI program does not read a body without CONTENT_LENGTH"];
    }
    return undefined;
  }

  async #request(params: Param[], body?: IncomingMessage): Promise<FastCGIResponse> {
    const response = await this.#client.request(params.map(encodeParam), {
      body,
      destroyBody: false,
      signal: this.#controller.signal,
    });
    const { onStderr } = this.#options;
    if (onStderr) response.stderr.on("data", (chunk: Buffer) => onStderr(chunk, this.#req));
    return response;
  }

  /** Params of the request that a local redirect stands for; none if it leads out of the mount. */
  #redirect(location: string): Param[] | undefined {
    const req = this.#req;
    const mount = mountPrefix(req);
    if (mount !== "" && !location.startsWith(`${mount}/`)) return undefined;
    const { "content-length": _, "content-type": __, "transfer-encoding": ___, ...headers } = req.headers;
    const rawHeaders = req.rawHeaders.filter(
      (_, i, all) => all[i & ~1]!.toLowerCase() !== "transfer-encoding",
    );
    return writeRequestParams(
      {
        method: req.method === "HEAD" ? "HEAD" : "GET",
        url: location.slice(mount.length),
        originalUrl: location,
        baseUrl: mount,
        httpVersion: req.httpVersion,
        socket: req.socket,
        headers,
        rawHeaders,
      },
      this.#options,
    );
  }

  #endWithoutBody({ body }: FastCGIResponse): void {
    this.#res.end();
    // The application may take a moment to end; one that goes on for the sake of a body nobody gets is aborted.
    body.resume();
    const timer = setTimeout(() => body.destroy(), 1000).unref();
    body.once("close", () => clearTimeout(timer));
  }

  #fail(error: Error): void {
    const code = error instanceof FastCGIError ? error.code : undefined;
    const isOverloaded =
      error instanceof RequestRefusedError && error.protocolStatus === ProtocolStatus.OVERLOADED;
    const status = isOverloaded ? 503 : code === "ERR_FCGI_TIMEOUT" ? 504 : 502;
    this.#sendError(status, error.message, error);
  }

  #sendError(status: number, message: string, error: Error = new Error(message)): void {
    const res = this.#res;
    // That the browser went is nobody's error.
    if (this.#controller.signal.aborted) return;
    this.#options.onError?.(error, this.#req);
    if (res.headersSent) {
      destroyResponse(this.#req, res);
      return;
    }
    for (const name of res.getHeaderNames()) res.removeHeader(name);
    res.statusCode = status;
    res.statusMessage = STATUS_CODES[status] ?? "";
    res.setHeader("Content-Type", "text/plain");
    res.end(`${STATUS_CODES[status]}\n`);
  }
}

function hasBody({ headers, httpVersionMajor }: IncomingMessage): boolean {
  if (headers["transfer-encoding"] !== undefined) return true;
  return headers["content-length"] === undefined ? httpVersionMajor > 1 : headers["content-length"] !== "0";
}

/** Params are bytes as Latin-1, the client would send them as UTF-8. */
function encodeParam([name, value]: Param): [string, string | Uint8Array] {
  return [name, Buffer.byteLength(value) === value.length ? value : Buffer.from(value, "latin1")];
}
