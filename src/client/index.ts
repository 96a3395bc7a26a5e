/**
 * The web server's side of FastCGI: a client for applications, and a gateway from HTTP to them.
 *
 * @packageDocumentation
 */
export type { CGIRole } from "../cgi/cgi-request.ts";
export type { ExtraParams, MountedRequest, SiteOptions } from "../cgi/request-params.ts";
export type { FastCGITarget } from "../listen/address.ts";
export type { ProtocolStatus } from "../protocol/constants.ts";
export type { EndRequestBody } from "../protocol/record-body.ts";
export { FastCGIClient } from "./client.ts";
export type { FastCGIClientOptions } from "./client-options.ts";
export { createGateway, type Gateway } from "./gateway.ts";
export type { ForwardingOptions, GatewayOptions } from "./gateway-options.ts";
export { type OverFastCGIOptions, overFastCGI } from "./over-fastcgi.ts";
export type { RequestBody } from "./request-body.ts";
export type { ParamPair, RequestOptions, RequestParams } from "./request-options.ts";
export type { FastCGIResponse, RawFastCGIResponse, ResponseHeaders } from "./response.ts";
