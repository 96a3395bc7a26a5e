import type { IncomingMessage } from "node:http";
import type { CGIRequest } from "../cgi/cgi-request.ts";
import type { CGIBody, SendOptions } from "./send-body.ts";

/**
 * What a CGI function receives: one request in the shape that `process` has in a CGI program, and ways to respond.
 *
 * A function responds in one of three ways: it returns a body, it calls {@link send}, or it writes a CGI response (a
 * head, an empty line, the body) to {@link CGIRequest.stdout}. All members can be destructured.
 *
 * @example
 * ```ts
 * fastcgi(({ env, send }) => send({ you: env.REMOTE_ADDR }, { status: 201 }));
 * ```
 */
export interface CGIContext extends CGIRequest {
  /** The meta-variables of the request, as `process.env` holds them in a CGI program. A copy that may be changed. */
  readonly env: Record<string, string | undefined>;
  /** As `process.argv` without arguments: the runtime and the program. */
  readonly argv: string[];
  /** The request itself, as a readable stream of its body. */
  readonly stdin: IncomingMessage;
  /**
   * Exit status of the request (`appStatus`); over plain CGI, of the process.
   * @defaultValue undefined, sent as 0
   */
  exitCode: number | undefined;
  /**
   * Sends a complete response: a string, bytes, a stream, an async iterable, a web `Response`, or any other object
   * as JSON.
   *
   * The promise resolves when the body is handed over or the client has left. It rejects with the error of a stream;
   * such an error also fails the request, so the promise may be ignored.
   *
   * @throws Error if the response has begun already
   * @throws TypeError if the status is not an integer from 200 to 599
   * @example
   * ```ts
   * fastcgi(({ send }) => send(createReadStream("report.pdf"), { type: "application/pdf" }));
   * ```
   */
  readonly send: (body?: CGIBody, options?: SendOptions) => Promise<void>;
  /**
   * Ends the response, as `process.exit()` ends a program. Unlike that, it returns; what is written later is dropped.
   *
   * @param code becomes {@link exitCode}
   */
  readonly exit: (code?: number) => void;
}

/** Options of {@link AuthorizerContext.allow}. */
export interface AllowOptions {
  /** Variables that the web server adds to the request. Each is sent as a `Variable-*` field. */
  variables?: Readonly<Record<string, string>> | undefined;
}

/**
 * What a function in the Authorizer role receives. A request passes only by {@link allow}, or by a 200 that is written
 * to `stdout`; an exception or no response denies it.
 *
 * @see FastCGI 1.0, section 6.3
 */
export interface AuthorizerContext extends CGIContext {
  /**
   * Lets the request pass.
   *
   * @throws Error if the response has begun already
   * @example
   * ```ts
   * createServer({ roles: { authorizer: ({ allow }) => allow({ variables: { USER: "ada" } }) } }, app);
   * ```
   */
  readonly allow: (options?: AllowOptions) => Promise<void>;
  /**
   * Denies the request. The web server sends this response to the client.
   *
   * @param status an integer from 300 to 599, 403 by default; it replaces the status of a `Response`
   * @param body as for {@link CGIContext.send}; by default the name of the status as plain text
   * @throws Error if the response has begun already
   * @throws TypeError if the status is anything else; the request is denied with 500 then
   * @example
   * ```ts
   * createServer({ roles: { authorizer: ({ deny }) => deny(401, "Who are you?\n", { type: "text/plain" }) } }, app);
   * ```
   */
  readonly deny: (status?: number, body?: CGIBody, options?: SendOptions) => Promise<void>;
  /**
   * As {@link CGIContext.send}, but it can only deny: `status` is required, from 300 to 599, because the default of 200
   * would let the request pass.
   *
   * @throws Error if the response has begun already
   * @throws TypeError if the status is not an integer from 300 to 599; the request is denied with 500 then
   */
  readonly send: CGIContext["send"];
}
