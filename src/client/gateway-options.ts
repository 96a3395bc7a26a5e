import type { IncomingMessage } from "node:http";
import type { SiteOptions } from "../cgi/request-params.ts";
import { argumentError, describeValue } from "../listen/argument-error.ts";
import { CLIENT_OPTIONS, type FastCGIClientOptions } from "./client-options.ts";
import { checkOptions, type OptionKinds } from "./option-kinds.ts";

/** Options of `createGateway()` with a {@link FastCGIClient} as its target, which has the options of a client. */
export interface ForwardingOptions extends SiteOptions {
  /**
   * Bytes of a body of unknown length (chunked, or HTTP/2 without Content-Length) that are buffered for a script
   * (`documentRoot`, `scriptFilename`), because scripts read no further than CONTENT_LENGTH. The response to a longer
   * body is 411. Other applications get such bodies as a stream, without CONTENT_LENGTH.
   *
   * @defaultValue 65536
   */
  maxHeldBody?: number | undefined;
  /**
   * Called with the reason when a request gets an error response or its response is cut off, and with exceptions of a
   * `params` function. An exception of `onError` itself becomes an `uncaughtException`.
   */
  onError?: ((error: Error, req: IncomingMessage) => void) | undefined;
  /**
   * Called with FCGI_STDERR as it arrives; without it, FCGI_STDERR is dropped. An exception becomes an
   * `uncaughtException`; the request goes on.
   */
  onStderr?: ((chunk: Buffer, req: IncomingMessage) => void) | undefined;
}

/** Options of `createGateway()` with an address as its target. */
export interface GatewayOptions extends ForwardingOptions, FastCGIClientOptions {
  /**
   * Time without progress, in ms, until the head of a response is complete; 0 for no limit. The response is then
   * 504.
   *
   * @defaultValue 60000
   */
  headersTimeout?: number | undefined;
}

const OPTIONS: OptionKinds<GatewayOptions> = {
  ...CLIENT_OPTIONS,
  documentRoot: "string",
  scriptFilename: "string",
  https: "boolean",
  params: "any",
  maxHeldBody: "length",
  onError: "function",
  onStderr: "function",
};

/**
 * Checks the options of a gateway.
 *
 * @param hasClient whether the target is a client, so that options of a client would be ignored
 * @throws TypeError or RangeError, with one of Node's codes
 */
export function checkGatewayOptions(options: GatewayOptions, hasClient: boolean): void {
  checkOptions("createGateway", options, OPTIONS);
  const { params } = options;
  if (params !== undefined && typeof params !== "function") checkParams(params);
  if (!hasClient) return;
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || !Object.hasOwn(CLIENT_OPTIONS, name)) continue;
    throw argumentError(
      "ERR_INVALID_ARG_VALUE",
      `option ${name} is for a client, and the target is one: give it to the FastCGIClient`,
    );
  }
}

/** Returns the options of the client of a gateway. */
export function clientOptions(options: GatewayOptions): FastCGIClientOptions {
  const { keepConn, multiplex, maxConnections, maxWaitingRequests, keepAliveTimeout, maxHeaderSize } =
    options;
  const { headersTimeout = 60000 } = options;
  return {
    keepConn,
    multiplex,
    maxConnections,
    maxWaitingRequests,
    keepAliveTimeout,
    maxHeaderSize,
    headersTimeout,
  };
}

/**
 * Checks additional meta-variables: those of the options, or those that a function of the caller returned.
 *
 * @throws TypeError with `ERR_INVALID_ARG_TYPE`
 */
export function checkParams(params: unknown): void {
  const isRecord = typeof params === "object" && params !== null && !("then" in params);
  if (!isRecord) {
    throw argumentError(
      "ERR_INVALID_ARG_TYPE",
      `params are ${describeValue(params)}: give an object of strings`,
    );
  }
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || typeof value === "string") continue;
    throw argumentError("ERR_INVALID_ARG_TYPE", `param ${name} is ${describeValue(value)}: give a string`);
  }
}
