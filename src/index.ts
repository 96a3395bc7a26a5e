/** FastCGI for Node's HTTP applications. */

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
