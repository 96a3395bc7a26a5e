import { once } from "node:events";
import { createServer as createHTTPServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { checkApplication } from "../server/check-application.ts";
import { checkServerOptions } from "../server/check-options.ts";
import type { FastCGIRequestListener, FastCGIServer, FastCGIServerOptions } from "../server/index.ts";
import { WatchedServer } from "../server/watched-server.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import { checkGatewayOptions, type GatewayOptions } from "./gateway-options.ts";
import { checkOptions } from "./option-kinds.ts";

/** Options of {@link overFastCGI}. */
export interface OverFastCGIOptions {
  /** Options of the FastCGI server. */
  server?: FastCGIServerOptions | undefined;
  /** Options of the gateway in front of it. `keepConn` is true unless it is set. */
  gateway?: GatewayOptions | undefined;
}

/**
 * Returns an HTTP server that passes each request to `app` over FastCGI, in one process: for tests of an application
 * over the real wire.
 *
 * The server does not listen yet. While it listens, a FastCGI server listens on a free port of 127.0.0.1; it does not
 * keep the process alive. The `requestError` event of the FastCGI server is passed on if the HTTP server has listeners
 * of it; otherwise such errors are logged.
 *
 * @throws TypeError or RangeError, with one of Node's codes, if `app` is no application or an option is wrong
 * @example
 * ```ts
 * await supertest(overFastCGI(app)).get("/").expect(200);
 * overFastCGI(app).listen(8080);
 * ```
 */
export function overFastCGI(app: FastCGIRequestListener, options: OverFastCGIOptions = {}): Server {
  checkApplication(app);
  checkOptions("overFastCGI", options, { server: "any", gateway: "any" });
  checkServerOptions(options.server ?? {});
  checkGatewayOptions(options.gateway ?? {}, false);
  let gateway: Promise<Gateway> | undefined;
  const server = createHTTPServer((req, res) => {
    gateway?.then(
      (forward) => forward(req, res),
      (error: Error) => res.destroy(error),
    );
  });
  // An http.Server can listen, close, and listen again: supertest does so for each request.
  server.on("listening", () => {
    const backend = startBackend(app, options.server);
    const passOn = (event: string): void => {
      if (event !== "requestError" || backend.listenerCount(event) > 0) return;
      backend.on("requestError", (...details) => server.emit("requestError", ...details));
    };
    if (server.listenerCount("requestError") > 0) passOn("requestError");
    server.on("newListener", passOn);
    gateway = once(backend, "listening").then(() => {
      const address = backend.address() as AddressInfo;
      return createGateway(address.port, { keepConn: true, ...options.gateway });
    });
    gateway.catch((error: Error) => server.emit("error", error));
    server.once("close", () => {
      server.removeListener("newListener", passOn);
      backend.close();
      gateway?.then(
        ({ client }) => client.destroy(),
        () => {},
      );
    });
  });
  return server;
}

/** Starts a server that does not keep the process alive: the HTTP server does, and each request while it runs. */
function startBackend(app: FastCGIRequestListener, options: FastCGIServerOptions = {}): FastCGIServer {
  const backend = new WatchedServer(options, app, (connection) => connection.unref());
  backend.listen(0, "127.0.0.1");
  backend.unref();
  return backend;
}
