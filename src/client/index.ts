/** The web server's side: a client for FastCGI applications, and a gateway from HTTP to them. */
export type { CGIHead } from "../cgi/cgi-head.ts";
export type { CGIRole } from "../cgi/cgi-request.ts";
export type { ExtraParams, MountedRequest, SiteOptions } from "../cgi/request-params.ts";
export type { FastCGITarget } from "../listen/address.ts";
export { FastCGIClient, type FastCGIClientOptions } from "./client.ts";
export { createGateway, type Gateway } from "./gateway.ts";
export type { GatewayOptions } from "./gateway-options.ts";
export { type OverFastCGIOptions, overFastCGI } from "./over-fastcgi.ts";
export type { RequestBody } from "./request-body.ts";
export type { ParamPair, RequestOptions, RequestParams } from "./request-options.ts";
export {
  FastCGIResponse,
  type RawFastCGIResponse,
  type RequestEnd,
  type ResponseHeaders,
} from "./response.ts";
