import { once } from "node:events";
import { createServer as createHTTPServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { checkApplication } from "../server/check-application.ts";
import { checkServerOptions } from "../server/check-options.ts";
import { FastCGIServer, type FastCGIServerOptions } from "../server/index.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { checkOptions } from "./option-kinds.ts";

/** Options of {@link overFastCGI}. */
export interface OverFastCGIOptions {
  /** Those of the FastCGI server. */
  server?: FastCGIServerOptions | undefined;
  /** Those of the gateway in front of it. */
  gateway?: GatewayOptions | undefined;
}

/**
 * Puts an application behind FastCGI and an HTTP server in front, in one process: each request takes the whole
 * way over the wire.
 *
 * The server does not listen yet. While it listens, a FastCGI server on a free port of 127.0.0.1 does, too; it
 * closes with it, and does not keep the process alive. The FastCGI server's `requestError` event (a handler that
 * threw) is passed on where it has listeners; else the error is logged.
 *
 * @throws TypeError with Node's codes if `app` is no application, or an option of the server is unknown
 * @example
 * ```ts
 * await supertest(overFastCGI(app)).get("/").expect(200);
 * overFastCGI(app).listen(8080);
 * ```
 */
export function overFastCGI(app: RequestListener, options: OverFastCGIOptions = {}): Server {
  checkApplication(app);
  checkOptions("overFastCGI", options, { server: "any", gateway: "any" });
  checkServerOptions(options.server ?? {});
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

/** A server that does not keep the process alive: the HTTP server does, and each request as long as it lasts. */
class Backend extends FastCGIServer {
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === "connection") (args[0] as Socket).unref();
    return super.emit(event, ...args);
  }
}

function startBackend(app: RequestListener, options: FastCGIServerOptions = {}): FastCGIServer {
  const backend = new Backend(options, app);
  backend.listen(0, "127.0.0.1");
  backend.unref();
  return backend;
}
