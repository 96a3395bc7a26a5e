import type { ServerOptions } from "node:http";
import type { Socket } from "node:net";
import { CapturingServer } from "../http/capturing-server.ts";
import type { FastCGIRequestListener } from "../http/fastcgi-socket.ts";
import { RequestSocket } from "../http/request-socket.ts";
import { listenOn } from "../listen/listen.ts";
import type { ListenArguments } from "../listen/target.ts";
import { checkApplication, checkIsOptions } from "./check-application.ts";
import { checkCreateOptions } from "./check-options.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type FastCGIServerOptions, readOptions } from "./options.ts";
import type { FastCGIEventServer, FastCGIServerEvents } from "./server-events.ts";

/** {@link CapturingServer}, which emits what {@link FastCGIServerEvents} lists, with types for it. */
const EventServer = CapturingServer as new (options: ServerOptions) => FastCGIEventServer;

/**
 * An `http.Server` whose connections speak FastCGI: it can stand wherever `http.createServer()` stands.
 *
 * Events as of `http.Server`, and some beside them: `connection` (socket) before each `request`, with the socket of
 * that request, as one connection to the web server may carry the requests of many clients; `clientError` (error,
 * socket) when a web server breaks the protocol or a limit, after its connection was destroyed, or when one request is
 * at fault: the socket then stands for this request, and what is written to it is its response; without a listener that
 * is 400 or 431 without a body; `requestError` (error, req, res) when an application throws or rejects, after the 500
 * was sent or the answer cut off; without a listener the error is logged. Neither needs a listener.
 */
export class FastCGIServer extends EventServer {
  /** Whether errors of the application that no `requestError` listener hears are logged; the option's value. */
  logErrors: boolean;
  readonly #owner: Dispatcher;

  /**
   * Takes the arguments of `http.createServer()`.
   *
   * @throws TypeError or RangeError with Node's codes if an option is wrong or misspelt, or `listener` is no
   *   application
   */
  constructor(
    options?: FastCGIServerOptions | FastCGIRequestListener | null,
    listener?: FastCGIRequestListener | null,
  ) {
    const { options: given, app } = readCreateArguments(options, listener);
    const settings = readOptions(given);
    // Checks its own options; those that the two have in common are ours to enforce.
    super(given);
    this.removeAllListeners("connection");
    this.headersTimeout = settings.headersTimeout;
    this.requestTimeout = settings.requestTimeout;
    this.keepAliveTimeout = settings.keepAliveTimeout;
    this.logErrors = given.logErrors ?? true;
    this.#owner = new Dispatcher(this, settings, given);
    if (app) this.on("request", app);
  }

  /**
   * Emits an event. A web server's connection, which `net.Server` or `server.emit("connection", stream)` hands over,
   * is served instead: listeners of `connection` get the socket of each request, the one that is `req.socket`.
   */
  override emit<E extends keyof FastCGIServerEvents>(event: E, ...args: FastCGIServerEvents[E]): boolean;
  override emit(event: string | symbol, ...args: unknown[]): boolean;
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== "connection" || args[0] instanceof RequestSocket)
      return super.emit(event as string, ...args);
    this.#owner.add(args[0] as Socket);
    return true;
  }

  /**
   * Listens, as `net.Server.listen()` does, with a few differences: the default host is 127.0.0.1, because FastCGI
   * has no authentication; without target it takes the socket that the process was given (descriptor 0, systemd),
   * or makes `fcgi.sock`; the socket file of a dead process is replaced.
   */
  override listen(...args: ListenArguments): this {
    listenOn(this, args, (actual) => Reflect.apply(super.listen, this, actual));
    return this;
  }

  override close(callback?: (error?: Error) => void): this {
    super.close(callback);
    this.#owner?.shutDown();
    return this;
  }

  /** Closes the kept connections that have no request open. */
  override closeIdleConnections(): void {
    this.#owner?.closeIdle();
  }

  /** Destroys all connections, the busy ones too. */
  override closeAllConnections(): void {
    this.#owner?.destroyAll();
  }
}

/** Creates a FastCGI server; the arguments are those of `http.createServer()`. */
export function createServer(
  options?: FastCGIServerOptions | FastCGIRequestListener | null,
  listener?: FastCGIRequestListener | null,
): FastCGIServer {
  return new FastCGIServer(options, listener);
}

/** Takes for options what node:http takes, and refuses what it would take for some by mistake. */
function readCreateArguments(
  options: FastCGIServerOptions | FastCGIRequestListener | null | undefined,
  listener: FastCGIRequestListener | null | undefined,
): { options: FastCGIServerOptions; app: FastCGIRequestListener | null | undefined } {
  const isListener = typeof options === "function";
  const app = isListener ? options : listener;
  if (app) checkApplication(app);
  if (isListener || options === undefined || options === null) return { options: {}, app };
  checkIsOptions(options);
  checkCreateOptions(options);
  return { options, app };
}
