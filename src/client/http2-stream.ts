import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest, ServerHttp2Stream } from "node:http2";

/** Error code with which a server resets a stream (RFC 9113, section 7). */
export const INTERNAL_ERROR = 2;

/** Returns the stream of a request of node:http2's compatibility API; undefined for HTTP/1. */
export function http2Stream(req: IncomingMessage | Http2ServerRequest): ServerHttp2Stream | undefined {
  return isHTTP2(req) ? req.stream : undefined;
}

/** Looks at members, because `instanceof` would load node:http2 in programs that do not use it. */
function isHTTP2(req: IncomingMessage | Http2ServerRequest): req is Http2ServerRequest {
  return req.httpVersionMajor > 1 && "stream" in req;
}
