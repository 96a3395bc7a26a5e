import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable, type Writable } from "node:stream";
import type { CGIRequest, CGIRole } from "../cgi/cgi-request.ts";
import { decodeParams, type Params } from "../cgi/params.ts";
import { writeRequestParams } from "../cgi/request-params.ts";
import { failRequest } from "../http/request-failure.ts";
import { RequestSocket } from "../http/request-socket.ts";
import { RequestAbortedError } from "../protocol/errors.ts";
import { encodeNameValuePairs } from "../protocol/name-value.ts";
import { CGIOutput } from "./cgi-output.ts";

/** A Node request and its response as a CGI request. Streams are created at the first access. */
export class RawRequest implements CGIRequest {
  readonly stdin: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #onFail: (error: Error) => void;
  #params: Params | undefined = undefined;
  #stdout: CGIOutput | undefined = undefined;
  #data: Readable | undefined = undefined;
  #controller: AbortController | undefined = undefined;

  /** @param onFail called with the error if the output is not a CGI response */
  constructor(req: IncomingMessage, res: ServerResponse, onFail: (error: Error) => void) {
    this.stdin = req;
    this.#res = res;
    this.#onFail = onFail;
  }

  get role(): CGIRole {
    return socketOf(this.stdin)?.role ?? "responder";
  }

  get params(): Params {
    this.#params ??= withoutProxy(socketOf(this.stdin)?.params ?? paramsOverHTTP(this.stdin));
    return this.#params;
  }

  get stdout(): CGIOutput {
    this.#stdout ??= new CGIOutput(this.#res, this.#onFail, this.params.SERVER_SOFTWARE);
    return this.#stdout;
  }

  get stderr(): Writable {
    return socketOf(this.stdin)?.stderr ?? process.stderr;
  }

  get data(): Readable {
    this.#data ??= socketOf(this.stdin)?.data ?? Readable.from([]);
    return this.#data;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      const res = this.#res;
      const onClose = (): void => {
        if (res.writableFinished) return;
        controller.abort(new RequestAbortedError("the request was aborted before its response was complete"));
      };
      if (res.closed) onClose();
      else res.once("close", onClose);
      this.#controller = controller;
    }
    return this.#controller.signal;
  }
}

const requests = new WeakMap<RequestSocket, CGIRequest>();

/**
 * Returns the CGI request behind a Node request: its meta-variables, role and streams.
 *
 * `stdin` is `req` itself. Respond through either `stdout` or `res`. In frameworks, `req` is Koa's `ctx.req` and
 * Fastify's `request.raw`.
 *
 * @returns undefined if the request came over plain HTTP
 * @example
 * ```ts
 * app.get("/", (req, res) => {
 *   res.json(cgiRequest(req)?.params ?? {});
 * });
 * ```
 */
export function cgiRequest(req: IncomingMessage): CGIRequest | undefined {
  const socket = socketOf(req);
  const res = socket?.response;
  if (socket === undefined || res === undefined) return undefined;
  let request = requests.get(socket);
  if (request === undefined) {
    request = new RawRequest(req, res, (error) => failRequest(socket.server, error, req, res));
    requests.set(socket, request);
  }
  return request;
}

/** Returns the RequestSocket of a request; undefined over plain HTTP. */
export function socketOf(req: IncomingMessage): RequestSocket | undefined {
  const socket: unknown = req.socket;
  return socket instanceof RequestSocket ? socket : undefined;
}

/** Returns the meta-variables that a web server would send for a request over plain HTTP. */
function paramsOverHTTP(req: IncomingMessage): Params {
  const pairs = writeRequestParams(req).map(([name, value]) => [name, Buffer.from(value, "latin1")] as const);
  return decodeParams(encodeNameValuePairs(pairs));
}

/** Removes HTTP_PROXY, a header field of the client, which child processes would use as their proxy (httpoxy). */
function withoutProxy(params: Params): Params {
  if (params.HTTP_PROXY === undefined) return params;
  const { HTTP_PROXY: _, ...rest } = params;
  return Object.assign(Object.create(null), rest);
}
