import { createServer as createHTTPServer, type RequestListener, type Server } from "node:http";
import type { ListenOptions } from "node:net";
import type { FastCGIServerOptions } from "./options.ts";
import { createServer, type FastCGIServer } from "./server.ts";

/** Where to listen: a TCP port of the loopback interface, a path of a unix socket, or options in full. */
export type Target = number | string | TargetOptions;

/** `net.ListenOptions` and the options of the server in one object; the default host is 127.0.0.1. */
export interface TargetOptions extends ListenOptions, FastCGIServerOptions {
  /** Descriptor of a socket that is listening already. */
  fd?: number | undefined;
}

/**
 * Serves an application over FastCGI.
 *
 * @param app an Express or Connect application, `koa.callback()`, or any `(req, res)` listener of node:http
 * @param target where to listen; a host other than loopback has to be named, because FastCGI has no
 *   authentication
 * @returns the server, as `app.listen()` does: wait for `listening`, hear `error`
 * @throws TypeError if the target is none
 */
export function serveFastCGI(app: RequestListener, target: Target): FastCGIServer {
  const options = targetOptions(target);
  const server = createServer(options, app);
  server.listen(options);
  return server;
}

/**
 * Serves the same application over plain HTTP, for development and tests: node:http and no more.
 *
 * @param target as for {@link serveFastCGI}
 */
export function serveHTTP(app: RequestListener, target: Target): Server {
  const options = targetOptions(target);
  const server = createHTTPServer(options, app);
  server.listen(options);
  return server;
}

function targetOptions(target: Target): TargetOptions {
  if (typeof target === "number") return { port: target, host: "127.0.0.1" };
  if (typeof target === "string") return { path: target };
  if (typeof target !== "object" || target === null) {
    throw new TypeError(
      `target is ${String(target)}: give a port, a path, or an object with port, path or fd`,
    );
  }
  if (target.path === undefined && target.fd === undefined) return { host: "127.0.0.1", ...target };
  return target;
}
