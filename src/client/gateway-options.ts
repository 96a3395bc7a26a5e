import type { IncomingMessage } from "node:http";
import type { SiteOptions } from "../cgi/request-params.ts";
import { argumentError, describeValue } from "../listen/argument-error.ts";
import { CLIENT_OPTIONS, type FastCGIClientOptions } from "./client-options.ts";
import { checkOptions, type OptionKinds } from "./option-kinds.ts";

/** Options of {@link createGateway}: those of its client, and what follows. */
export interface GatewayOptions extends SiteOptions, FastCGIClientOptions {
  /**
   * Time in ms without progress until an answer begins: 504 then; 0 for none.
   *
   * @defaultValue 60000
   */
  headersTimeout?: number | undefined;
  /**
   * What is held of a body of unknown length in bytes, for scripts (`documentRoot`, `scriptFilename`): they read
   * no further than CONTENT_LENGTH says. A longer body is answered with 411. Other programs get such bodies as
   * they come.
   *
   * @defaultValue 65536
   */
  maxHeldBody?: number | undefined;
  /**
   * Hears why a request was not answered, or not to the end; also what a `params` function threw, which is
   * answered with 500. What it throws itself becomes an `uncaughtException`.
   */
  onError?: ((error: Error, req: IncomingMessage) => void) | undefined;
  /**
   * Hears FCGI_STDERR, as it comes. Without it, it is dropped. What it throws becomes an `uncaughtException`; the
   * request goes on.
   */
  onStderr?: ((chunk: Buffer, req: IncomingMessage) => void) | undefined;
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
 * @param hasClient whether the target is a client: options of one would be ignored
 * @throws TypeError or RangeError, with a code of Node's
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

/**
 * Checks further meta-variables, as options or as a function of the caller's returned them.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`
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
