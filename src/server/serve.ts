import {
  createServer as createHTTPServer,
  type ServerOptions as HTTPServerOptions,
  type RequestListener,
  type Server,
} from "node:http";
import { type CGIFunction, cgiListener } from "../functions/cgi-function.ts";
import type { FastCGIHandlerClass } from "../functions/fastcgi-handler.ts";
import type { FastCGIRequestListener } from "../http/fastcgi-socket.ts";
import { argumentError, describeValue } from "../listen/argument-error.ts";
import { isCGIProcess } from "../listen/inherited-socket.ts";
import { listenOn } from "../listen/listen.ts";
import { closeOnSignals } from "../listen/signals.ts";
import { type FastCGIListenOptions, readTarget } from "../listen/target.ts";
import { startCGI } from "./cgi-process.ts";
import { checkApplication } from "./check-application.ts";
import { checkFastCGITarget, checkHTTPTarget } from "./check-options.ts";
import type { FastCGIServerOptions } from "./options.ts";
import { createServer, type FastCGIServer } from "./server.ts";

/** Where to listen: a TCP port of the loopback interface, a path of a unix socket, or options in full. */
export type Target = number | string | TargetOptions;
/** Where to listen for plain HTTP. */
export type HTTPTarget = number | string | HTTPTargetOptions;

/** Options for listening and options of the server in one object. */
export interface TargetOptions extends FastCGIListenOptions, FastCGIServerOptions, SignalOptions {}

/** Options for listening and options of `http.createServer()` in one object. */
export interface HTTPTargetOptions
  extends FastCGIListenOptions,
    HTTPServerOptions,
    SignalOptions,
    Pick<FastCGIServerOptions, "shutdownTimeout"> {}

interface SignalOptions {
  /**
   * Whether SIGTERM and SIGINT close the server: running requests finish, then the process ends.
   * @defaultValue false
   */
  signals?: boolean | undefined;
}

/** Is called when the server listens, as the last argument of `server.listen()` is. */
export type ListeningListener = () => void;

/**
 * Serves an application over FastCGI.
 *
 * Without target it listens on the socket that the process was given (descriptor 0 from lighttpd, mod_fcgid, h2o or
 * spawn-fcgi; one of systemd's), else on `fcgi.sock` in the current folder. Started as an ordinary CGI program, it
 * does what {@link serveCGI} does, and does not listen.
 *
 * @param app an Express or Connect application, `koa.callback()`, or any `(req, res)` listener of node:http
 * @param target where to listen; a host other than loopback has to be named, because FastCGI has no
 *   authentication. `undefined` is refused where it is passed: it is an environment variable that is not set
 * @param listener is called when the server listens
 * @returns the server, as `app.listen()` does: wait for `listening`, hear `error`
 * @throws TypeError or RangeError, with Node's codes, if `app` is no application, the target is none, or an option is
 *   unknown or has no effect
 */
export function serveFastCGI(app: FastCGIRequestListener, listener?: ListeningListener): FastCGIServer;
export function serveFastCGI(
  app: FastCGIRequestListener,
  target: Target,
  listener?: ListeningListener,
): FastCGIServer;
export function serveFastCGI(app: FastCGIRequestListener, ...args: ServeArguments<Target>): FastCGIServer {
  return serve(app, args);
}

function serve(app: FastCGIRequestListener, args: ServeArguments<Target>): FastCGIServer {
  checkApplication(app);
  const { target, listener } = readArguments(args);
  const options: TargetOptions = isObject(target) ? target : {};
  checkFastCGITarget(options);
  if (isOpen(target) && isCGIProcess()) return startCGI(app, options);
  const address = readTarget(target);
  const server = createServer(options, app);
  if (listener !== undefined) server.once("listening", listener);
  server.listen(address);
  if (options.signals) closeOnSignals(server);
  return server;
}

/**
 * Serves a CGI function over FastCGI.
 *
 * @param handler a function of `{ env, stdin, stdout, … }`, or a class of FastCGIHandler
 * @param args target and listener as for {@link serveFastCGI}
 * @throws as {@link serveFastCGI}
 * @example
 * ```ts
 * fastcgi(({ env, stdout }) => {
 *   stdout.write(`Content-Type: text/plain\r\n\r\nYou asked for ${env.REQUEST_URI}\n`);
 * });
 * ```
 */
export function fastcgi(
  handler: CGIFunction | FastCGIHandlerClass,
  listener?: ListeningListener,
): FastCGIServer;
export function fastcgi(
  handler: CGIFunction | FastCGIHandlerClass,
  target: Target,
  listener?: ListeningListener,
): FastCGIServer;
export function fastcgi(
  handler: CGIFunction | FastCGIHandlerClass,
  ...args: ServeArguments<Target>
): FastCGIServer {
  return serve(cgiListener(handler), args);
}

/**
 * Serves the same application over plain HTTP, for development and tests: node:http and no more.
 *
 * @param app as for {@link serveFastCGI}; a CGI function as `cgiListener(fn)`
 * @param target as for {@link serveFastCGI}, but it has to be given. Of the options of a FastCGI server,
 *   `shutdownTimeout` counts here, too
 * @param listener is called when the server listens
 * @throws as {@link serveFastCGI}
 */
export function serveHTTP(app: RequestListener, target: HTTPTarget, listener?: ListeningListener): Server;
export function serveHTTP(app: RequestListener, ...args: ServeArguments<HTTPTarget>): Server {
  checkApplication(app);
  const { target, listener } = readArguments(args);
  if (target === NO_TARGET) {
    throw argumentError("ERR_INVALID_ARG_TYPE", "target is missing: give a port or a path for plain HTTP");
  }
  const given: HTTPTargetOptions = isObject(target) ? target : {};
  checkHTTPTarget(given);
  const address = readTarget(target);
  const server = createHTTPServer(given, app);
  const { shutdownTimeout = 0, signals } = given;
  if (shutdownTimeout > 0) {
    const { close } = server;
    server.close = (callback) => {
      setTimeout(() => server.closeAllConnections(), shutdownTimeout).unref();
      return close.call(server, callback);
    };
  }
  if (listener !== undefined) server.once("listening", listener);
  listenOn(server, [address], (actual) => Reflect.apply(server.listen, server, actual));
  if (signals) closeOnSignals(server);
  return server;
}

/** Stands for a target that is left out. */
const NO_TARGET: FastCGIListenOptions = Object.freeze({});

type ServeArguments<T> = [target?: T | ListeningListener, listener?: ListeningListener];

/** Tells a target that is left out from one that is undefined, and finds the listener. */
function readArguments<T extends number | string | FastCGIListenOptions>(
  args: ServeArguments<T>,
): { target: T | typeof NO_TARGET; listener: ListeningListener | undefined } {
  const [target, listener] = args;
  if (typeof target === "function") return { target: NO_TARGET, listener: target as ListeningListener };
  if (listener !== undefined && typeof listener !== "function") {
    throw argumentError(
      "ERR_INVALID_ARG_TYPE",
      `listener is ${describeValue(listener)}: give a function; a host goes into { port, host }`,
    );
  }
  if (args.length === 0) return { target: NO_TARGET, listener };
  const unset = target === undefined ? "target" : unsetName(target);
  if (unset === undefined) return { target: target as T, listener };
  throw argumentError(
    "ERR_INVALID_ARG_VALUE",
    `${unset} is undefined, as an environment variable is that is not set: give a port or a path, or leave it out`,
  );
}

/** Whether a target leaves open where to listen. */
function isOpen(target: number | string | FastCGIListenOptions): boolean {
  if (!isObject(target)) return false;
  return target.port === undefined && target.path === undefined && target.fd === undefined;
}

/** What a target names, and leaves open nevertheless. */
function unsetName(target: number | string | FastCGIListenOptions): string | undefined {
  if (!isObject(target) || !isOpen(target) || target.fdName !== undefined) return undefined;
  return ["port", "path", "fd"].find((name) => name in target);
}

function isObject<T>(value: T): value is T & object {
  return typeof value === "object" && value !== null;
}
