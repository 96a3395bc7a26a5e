export type { CGIRequest, CGIRole } from "../cgi/cgi-request.ts";
export type { Params } from "../cgi/params.ts";
export type { AllowOptions, AuthorizerContext, CGIContext } from "../functions/cgi-context.ts";
export {
  type AuthorizerFunction,
  type CGIFunction,
  type CGIListener,
  cgiListener,
} from "../functions/cgi-function.ts";
export { FastCGIHandler, type FastCGIHandlerClass } from "../functions/fastcgi-handler.ts";
export { cgiRequest } from "../functions/raw-request.ts";
export type { CGIBody, SendOptions } from "../functions/send-body.ts";
export type {
  FastCGIIncomingMessage,
  FastCGIRequestListener,
  FastCGISocket,
} from "../http/fastcgi-socket.ts";
export { isFastCGISocket } from "../http/socket-info.ts";
export type { AllowedAddresses } from "../listen/allowed-addresses.ts";
export type { FastCGIListenOptions, ListenArguments } from "../listen/target.ts";
export { serveCGI } from "./cgi-process.ts";
export type { FastCGIServerOptions } from "./options.ts";
export type { Roles } from "./routing.ts";
export {
  fastcgi,
  type HTTPTarget,
  type HTTPTargetOptions,
  type ListeningListener,
  serveFastCGI,
  serveHTTP,
  type Target,
  type TargetOptions,
} from "./serve.ts";
export { createServer, FastCGIServer } from "./server.ts";
export type { FastCGIServerEvents } from "./server-events.ts";
