import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable, Writable } from "node:stream";
import { failRequest, logHeadError } from "../http/request-failure.ts";
import { checkHandler } from "../server/check-application.ts";
import { AuthorizerContext, CGIContext } from "./function-context.ts";
import { socketOf } from "./raw-request.ts";
import { isBody } from "./send-body.ts";

/**
 * Answers one request, as a CGI program does.
 *
 * The answer ends when the promise settles that an async function returns. A body that is returned (a string,
 * bytes, a stream, an async iterable, a web `Response`, an object) is sent. A function that returns nothing has
 * answered when it has written something; if it listens to `stdin`, when that has ended, too. One that writes
 * later ends its answer with `stdout.end()` or `exit()`.
 */
export type CGIFunction = (context: CGIContext) => unknown;
/** Allows or denies one request; see {@link AuthorizerContext}. */
export type AuthorizerFunction = (context: AuthorizerContext) => unknown;
/** A class of {@link FastCGIHandler}, of which each request makes an instance. */
export type FastCGIHandlerClass = new (context: CGIContext) => FastCGIHandler;
/** A `(req, res)` listener that also knows the `next` of Express and Connect. */
export type CGIListener = (
  req: IncomingMessage,
  res: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/** CGI functions in the style of classes: override `handle()`, which may be async. */
export abstract class FastCGIHandler {
  readonly environ: CGIContext["env"];
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly context: CGIContext;

  constructor(context: CGIContext) {
    this.environ = context.env;
    this.stdin = context.stdin;
    this.stdout = context.stdout;
    this.stderr = context.stderr;
    this.context = context;
  }

  /** Answers the request; see {@link CGIFunction}. */
  abstract handle(): unknown;
}

/**
 * Turns a CGI function into a `(req, res)` listener: the one adapter behind `fastcgi()`, `serveCGI()` and
 * `serveHTTP()`. So it can be opened in a browser, tested with supertest, and mounted in an Express application.
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
  return listenWith(CGIContext, run);
}

/** Turns an Authorizer into a listener. */
export function authorizerListener(handler: AuthorizerFunction): CGIListener {
  return listenWith(AuthorizerContext, handler);
}

function listenWith<C extends CGIContext>(
  Context: new (req: IncomingMessage, res: ServerResponse, fail: (error: Error) => void) => C,
  run: (context: C) => unknown,
): CGIListener {
  return function (this: unknown, req, res, next) {
    let hasFailed = false;
    const fail = (error: unknown): void => {
      // Who has left is not answered, and what broke because of it is no error of the program.
      if (hasFailed || (res.closed && !res.writableFinished)) return;
      hasFailed = true;
      const server = this instanceof EventEmitter ? this : socketOf(req)?.server;
      if (next === undefined) {
        failRequest(server, error, req, res);
      } else {
        // The framework reports it; what is wrong with a head is in the web server's log all the same.
        logHeadError(server, error, req);
        next(error);
      }
    };
    const context = new Context(req, res, fail);
    const listeners = stdinListeners(req);
    try {
      const result = run(context);
      if (result instanceof Promise) {
        result.then((value) => context.finish(value), fail);
      } else {
        const isListening = stdinListeners(req) > listeners;
        // `stdin.on(…)` returns stdin, too.
        if (isBody(result) && !(isListening && result === req)) context.finish(result);
        // Its own listeners to the end of stdin come first, with all that they do at once.
        else if (isListening) req.once("end", () => setImmediate(endIfAnswered, context));
        else endIfAnswered(context);
      }
    } catch (error) {
      fail(error);
    }
  };
}

function endIfAnswered(context: CGIContext): void {
  if (context.hasAnswer) context.endOutput();
}

function stdinListeners(req: IncomingMessage): number {
  return req.listenerCount("data") + req.listenerCount("readable") + req.listenerCount("end");
}

function isHandlerClass(handler: CGIFunction | FastCGIHandlerClass): handler is FastCGIHandlerClass {
  return handler.prototype instanceof FastCGIHandler;
}
