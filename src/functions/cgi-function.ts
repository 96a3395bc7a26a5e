import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { failRequest, logHeadError } from "../http/request-failure.ts";
import type { AuthorizerContext, CGIContext } from "./cgi-context.ts";
import { checkHandler } from "./check-handler.ts";
import { type FastCGIHandlerClass, isHandlerClass } from "./fastcgi-handler.ts";
import { AuthorizerFunctionContext, FunctionContext } from "./function-context.ts";
import { socketOf } from "./raw-request.ts";
import { isBody } from "./send-body.ts";

/**
 * Responds to one request, as a CGI program does.
 *
 * A body that it returns, or that its promise resolves to, is sent: a string, bytes, a stream, an async iterable, a web
 * `Response`, an object (as JSON). Otherwise the response is what it writes to `stdout`, which ends
 * - when its promise resolves, if it is async;
 * - when it returns, if it has written something by then;
 * - after the end of `stdin`, if it listens to that;
 * - else by `stdout.end()` or `exit()`.
 */
export type CGIFunction = (context: CGIContext) => unknown;
/** Allows or denies one request; see {@link AuthorizerContext}. */
export type AuthorizerFunction = (context: AuthorizerContext) => unknown;
/** A `(req, res)` listener that takes the `next` of Express and Connect, too. */
export type CGIListener = (
  req: IncomingMessage,
  res: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/**
 * Turns a CGI function into a `(req, res)` listener, for `serveHTTP()`, `createServer()`, tests with supertest, or as
 * middleware of an Express application. There, errors of the function go to `next`.
 *
 * @throws TypeError with `ERR_INVALID_ARG_TYPE` if `handler` is neither a function nor a class of FastCGIHandler
 * @example
 * ```ts
 * serveHTTP(cgiListener(({ env }) => `<p>${env.REQUEST_URI}</p>`), 8080);
 * ```
 */
export function cgiListener(handler: CGIFunction | FastCGIHandlerClass): CGIListener {
  checkHandler(handler);
  const run = isHandlerClass(handler) ? (context: CGIContext) => new handler(context).handle() : handler;
  return createListener(FunctionContext, run);
}

/** Turns a function in the Authorizer role into a listener. */
export function authorizerListener(handler: AuthorizerFunction): CGIListener {
  return createListener(AuthorizerFunctionContext, handler);
}

function createListener<C extends FunctionContext>(
  Context: new (req: IncomingMessage, res: ServerResponse, fail: (error: Error) => void) => C,
  run: (context: C) => unknown,
): CGIListener {
  return function (this: unknown, req, res, next) {
    let hasFailed = false;
    const fail = (error: unknown): void => {
      // Ignores errors after the client has left: there is no response to send, and they are a consequence of it.
      if (hasFailed || (res.closed && !res.writableFinished)) return;
      hasFailed = true;
      const server = this instanceof EventEmitter ? this : socketOf(req)?.server;
      if (next === undefined) {
        failRequest(server, error, req, res);
      } else {
        // The framework reports the error; only a malformed CGI head also goes to the web server's error log.
        logHeadError(server, error, req);
        next(error);
      }
    };
    const context = new Context(req, res, fail);
    const listeners = countStdinListeners(req);
    try {
      const result = run(context);
      if (result instanceof Promise) {
        result.then((value) => context.finish(value), fail);
      } else {
        const isListening = countStdinListeners(req) > listeners;
        // `() => stdin.on(…)` returns stdin, which is not a body then.
        if (isBody(result) && !(isListening && result === req)) context.finish(result);
        // After the function's own `end` listeners and what they write synchronously.
        else if (isListening) req.once("end", () => setImmediate(endIfWritten, context));
        else endIfWritten(context);
      }
    } catch (error) {
      fail(error);
    }
  };
}

function endIfWritten(context: FunctionContext): void {
  if (context.hasResponse) context.endOutput();
}

function countStdinListeners(req: IncomingMessage): number {
  return req.listenerCount("data") + req.listenerCount("readable") + req.listenerCount("end");
}
