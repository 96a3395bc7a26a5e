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

/** Where to listen: a TCP port of the loopback interface, a path of a unix socket, or options. */
export type Target = number | string | TargetOptions;
/** Where to listen for plain HTTP: a TCP port of the loopback interface, a path of a unix socket, or options. */
export type HTTPTarget = number | string | HTTPTargetOptions;

/** Options for listening and options of a FastCGI server, in one object. */
export interface TargetOptions extends FastCGIListenOptions, FastCGIServerOptions {
  /**
   * Whether SIGTERM and SIGINT close the server: running requests finish, then the process ends.
   * @defaultValue false
   */
  signals?: boolean | undefined;
}

/**
 * Options for listening and options of `http.createServer()`, in one object. Those that only a FastCGI server has are
 * refused.
 */
export interface HTTPTargetOptions
  extends FastCGIListenOptions,
    HTTPServerOptions,
    Pick<TargetOptions, "signals" | "shutdownTimeout">,
    Partial<
      Record<
        Exclude<
          keyof TargetOptions,
          keyof FastCGIListenOptions | keyof HTTPServerOptions | "signals" | "shutdownTimeout"
        >,
        undefined
      >
    > {}

/** Called once when the server listens, as the last argument of `server.listen()`. */
export type ListeningListener = () => void;

/**
 * Serves an application over FastCGI on the socket that the process inherited: descriptor 0 from lighttpd, mod_fcgid,
 * h2o or spawn-fcgi, or a socket of systemd. If there is none, listens on `fcgi.sock` in the current folder.
 *
 * In a process that a web server started as a plain CGI program it does not listen, but responds as {@link serveCGI}
 * does.
 *
 * @param app an Express or Connect application, `koa.callback()`, or any other `(req, res)` listener of node:http
 * @param listener called once when the server listens
 * @returns the server, before it listens; it emits `listening`, or `error` if it cannot listen
 * @throws TypeError with Node's codes if `app` is not an application or `listener` is not a function
 * @example
 * ```ts
 * serveFastCGI((req, res) => res.end("Hello\n"));
 * ```
 */
export function serveFastCGI(app: FastCGIRequestListener, listener?: ListeningListener): FastCGIServer;
/**
 * Serves an application over FastCGI.
 *
 * @param app an Express or Connect application, `koa.callback()`, or any other `(req, res)` listener of node:http
 * @param target where to listen: a port, a path, or options. A host other than loopback has to be given, because
 *   FastCGI has no authentication. `undefined` is refused, because it is usually an environment variable that is not
 *   set; leave the argument out instead
 * @param listener called once when the server listens
 * @returns the server, before it listens; it emits `listening`, or `error` if it cannot listen
 * @throws TypeError or RangeError with Node's codes if `app` is not an application, the target is not valid, or an
 *   option is unknown, invalid or without effect
 * @example
 * ```ts
 * const server = serveFastCGI(express(), { port: 1234, signals: true });
 * server.on("listening", () => console.log("listening", server.address()));
 * ```
 */
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
 * Serves a CGI function over FastCGI on the socket that the process inherited, or as a plain CGI program; see
 * {@link serveFastCGI}.
 *
 * @param handler a function of `{ env, stdin, stdout, … }`, or a class that extends FastCGIHandler
 * @param listener called once when the server listens
 * @returns the server, before it listens
 * @throws TypeError with Node's codes if `handler` is something else or `listener` is not a function
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
/**
 * Serves a CGI function over FastCGI.
 *
 * @param handler a function of `{ env, stdin, stdout, … }`, or a class that extends FastCGIHandler
 * @param target where to listen, as for {@link serveFastCGI}
 * @param listener called once when the server listens
 * @returns the server, before it listens
 * @throws TypeError or RangeError with Node's codes as {@link serveFastCGI}, or if `handler` is something else
 * @example
 * ```ts
 * fastcgi(({ env }) => `<p>${env.REQUEST_URI}</p>`, 1234);
 * ```
 */
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
 * Serves an application over plain HTTP, for development and tests, by a server of node:http.
 *
 * Unlike that, it listens on the loopback interface by default, and takes `signals`, `shutdownTimeout` and the options
 * of {@link FastCGIListenOptions}.
 *
 * @param app as for {@link serveFastCGI}; a CGI function as `cgiListener(fn)`
 * @param target where to listen; required
 * @param listener called once when the server listens
 * @returns the server, before it listens
 * @throws TypeError or RangeError with Node's codes as {@link serveFastCGI}
 * @example
 * ```ts
 * if (process.env.FCGI) serveFastCGI(app, "/run/app.sock");
 * else serveHTTP(app, 8080, () => console.log("http://127.0.0.1:8080/"));
 * ```
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

/** The target of a call without one. */
const NO_TARGET: FastCGIListenOptions = Object.freeze({});

type ServeArguments<T> = [target?: T | ListeningListener, listener?: ListeningListener];

/**
 * Returns target and listener.
 *
 * @throws TypeError if the listener is not a function, or if the target is given but undefined
 */
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

/** Returns whether a target does not say where to listen. */
function isOpen(target: number | string | FastCGIListenOptions): boolean {
  if (!isObject(target)) return false;
  return target.port === undefined && target.path === undefined && target.fd === undefined;
}

/** Returns the name of a property that would say where to listen, and is undefined. */
function unsetName(target: number | string | FastCGIListenOptions): string | undefined {
  if (!isObject(target) || !isOpen(target) || target.fdName !== undefined) return undefined;
  return ["port", "path", "fd"].find((name) => name in target);
}

function isObject<T>(value: T): value is T & object {
  return typeof value === "object" && value !== null;
}
