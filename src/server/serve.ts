import { createServer as createHTTPServer, type RequestListener, type Server } from "node:http";
import { type CGIFunction, cgiListener, type FastCGIHandlerClass } from "./cgi-function.ts";
import { serveCGI } from "./cgi-process.ts";
import { isCGIProcess } from "./inherited-socket.ts";
import type { FastCGIServerOptions } from "./options.ts";
import { createServer, type FastCGIServer } from "./server.ts";
import { closeOnSignals } from "./signals.ts";
import { type FastCGIListenOptions, readTarget } from "./target.ts";

/** Where to listen: a TCP port of the loopback interface, a path of a unix socket, or options in full. */
export type Target = number | string | TargetOptions;

/** Options for listening and options of the server in one object. */
export interface TargetOptions extends FastCGIListenOptions, FastCGIServerOptions {
  /**
   * Whether SIGTERM and SIGINT close the server: running requests finish, then the process ends.
   * @defaultValue false
   */
  signals?: boolean | undefined;
}

/**
 * Serves an application over FastCGI.
 *
 * Without target it listens on the socket that the process was given (descriptor 0 from lighttpd, mod_fcgid, h2o or
 * spawn-fcgi; one of systemd's), else on `fcgi.sock` in the current folder. Started as an ordinary CGI program, it
 * does what {@link serveCGI} does.
 *
 * @param app an Express or Connect application, `koa.callback()`, or any `(req, res)` listener of node:http
 * @param target where to listen; a host other than loopback has to be named, because FastCGI has no
 *   authentication
 * @returns the server, as `app.listen()` does: wait for `listening`, hear `error`
 * @throws TypeError or RangeError if the target is none
 */
export function serveFastCGI(app: RequestListener, target?: Target): FastCGIServer {
  const options = typeof target === "object" && target !== null ? target : {};
  if (isOpen(target) && isCGIProcess()) return serveCGI(app, options);
  const address = readTarget(target === undefined ? {} : target);
  const server = createServer(options, app).listen(address);
  if (options.signals) closeOnSignals(server);
  return server;
}

/**
 * Serves a CGI function over FastCGI.
 *
 * @param handler a function of `{ env, stdin, stdout, … }`, or a class of FastCGIHandler
 * @param target as for {@link serveFastCGI}
 * @example
 * ```ts
 * fastcgi(({ env, stdout }) => {
 *   stdout.write(`Content-Type: text/plain\r\n\r\nYou asked for ${env.REQUEST_URI}\n`);
 * });
 * ```
 */
export function fastcgi(handler: CGIFunction | FastCGIHandlerClass, target?: Target): FastCGIServer {
  return serveFastCGI(cgiListener(handler), target);
}

/**
 * Serves the same application over plain HTTP, for development and tests: node:http and no more.
 *
 * @param app as for {@link serveFastCGI}; a CGI function as `cgiListener(fn)`
 * @param target as for {@link serveFastCGI}, but it has to be given; `shutdownTimeout` counts here, too
 */
export function serveHTTP(app: RequestListener, target: Target): Server {
  const options: TargetOptions = readTarget(target);
  const server = createHTTPServer(options, app);
  const { shutdownTimeout = 0 } = options;
  if (shutdownTimeout > 0) {
    const { close } = server;
    server.close = (callback) => {
      setTimeout(() => server.closeAllConnections(), shutdownTimeout).unref();
      return close.call(server, callback);
    };
  }
  return server.listen(options);
}

/** Whether a target leaves open where to listen. */
function isOpen(target: Target | undefined): boolean {
  if (typeof target !== "object" || target === null) return target === undefined;
  return target.port === undefined && target.path === undefined && target.fd === undefined;
}
