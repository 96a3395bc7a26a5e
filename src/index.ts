/** FastCGI for Node's HTTP applications. */

export type { RequestSocket } from "./http/request-socket.ts";
export type { SecureRequestSocket } from "./http/secure-request-socket.ts";
export type { FastCGIErrorCode } from "./protocol/errors.ts";
export { FastCGIError, ProtocolError, RequestAbortedError, RequestRefusedError } from "./protocol/errors.ts";
export * from "./server/index.ts";
