/**
 * FastCGI for Node's HTTP applications: serves any `(req, res)` listener of node:http behind a web server.
 *
 * {@link serveFastCGI} listens and serves; {@link createServer} replaces `http.createServer()` where a framework
 * creates its own server; {@link fastcgi} serves functions in the style of CGI.
 *
 * @packageDocumentation
 */

export type { FastCGIErrorCode } from "./protocol/errors.ts";
export {
  AddressError,
  ConnectionClosedError,
  FastCGIError,
  LimitError,
  ProtocolError,
  RequestAbortedError,
  RequestRefusedError,
  ResponseError,
  TimeoutError,
} from "./protocol/errors.ts";
export * from "./server/index.ts";
