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

/** {@link CapturingServer} with the types of {@link FastCGIServerEvents}. */
const EventServer = CapturingServer as new (options: ServerOptions) => FastCGIEventServer;

/**
 * An `http.Server` whose connections speak FastCGI. Replaces `http.createServer()` wherever a server is expected.
 *
 * Its events are those of `http.Server` and `requestError`; {@link FastCGIServerEvents} says what differs. Properties
 * and methods are those of `http.Server`. `headersTimeout`, `requestTimeout`, `keepAliveTimeout` and `logErrors` may be
 * changed at any time.
 *
 * @example
 * ```ts
 * const server = new FastCGIServer({ shutdownTimeout: 5000 }, (req, res) => {
 *   res.end(`Hello ${req.socket.remoteAddress}\n`);
 * });
 * server.on("requestError", (error, req) => console.error(req.url, error));
 * server.listen("/run/app.sock");
 * ```
 */
export class FastCGIServer extends EventServer {
  /** Whether errors of the application are logged if `requestError` has no listener. Initially the option's value. */
  logErrors: boolean;
  readonly #owner: Dispatcher;

  /**
   * Creates a server that does not listen yet. The arguments are those of `http.createServer()`.
   *
   * @throws TypeError or RangeError with Node's codes if an option is invalid or misspelt, or `listener` is not a
   *   `(req, res)` listener
   */
  constructor(
    options?: FastCGIServerOptions | FastCGIRequestListener | null,
    listener?: FastCGIRequestListener | null,
  ) {
    const { options: given, app } = readCreateArguments(options, listener);
    const settings = readOptions(given);
    // Node checks its own options; those that both have are enforced here.
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
   * Emits an event. `connection` with a connection of a web server, from `net.Server` or from the caller, is not
   * emitted: FastCGI is served on that connection. Listeners of `connection` get the socket of each request.
   *
   * @returns whether the event had listeners
   */
  override emit<E extends keyof FastCGIServerEvents>(event: E, ...args: FastCGIServerEvents[E]): boolean;
  /** Emits an event that is not in {@link FastCGIServerEvents}. */
  override emit(event: string | symbol, ...args: unknown[]): boolean;
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== "connection" || args[0] instanceof RequestSocket)
      return super.emit(event as string, ...args);
    this.#owner.add(args[0] as Socket);
    return true;
  }

  /**
   * Listens, as `net.Server.listen()` does, with three differences. The default host is 127.0.0.1, because FastCGI has
   * no authentication. Without a target it listens on the socket that the process inherited (descriptor 0, systemd),
   * or on `fcgi.sock` in the current folder. A socket file whose process has ended is replaced. Also takes the options
   * of {@link FastCGIListenOptions}.
   *
   * Emits `listening`, or `error` if the system refuses.
   *
   * @throws TypeError or RangeError with Node's codes if the arguments are not valid
   * @throws Error with `ERR_SERVER_ALREADY_LISTEN` if the server listens already
   */
  override listen(...args: ListenArguments): this {
    listenOn(this, args, (actual) => Reflect.apply(super.listen, this, actual));
    return this;
  }

  /**
   * Stops listening and closes idle connections. Open requests finish; after `shutdownTimeout` they are aborted. Emits
   * `close` when all connections are closed.
   *
   * @param callback called with `close`; gets an error with `ERR_SERVER_NOT_RUNNING` if the server does not listen
   */
  override close(callback?: (error?: Error) => void): this {
    super.close(callback);
    this.#owner?.shutDown();
    return this;
  }

  /** Closes the connections without an open request. */
  override closeIdleConnections(): void {
    this.#owner?.closeIdle();
  }

  /** Destroys all connections. Open requests are aborted. */
  override closeAllConnections(): void {
    this.#owner?.destroyAll();
  }
}

/**
 * Creates a FastCGI server that does not listen yet. The arguments are those of `http.createServer()`.
 *
 * @param options of the server, or the listener
 * @param listener added to the `request` event
 * @throws TypeError or RangeError with Node's codes if an option is invalid or misspelt, or `listener` is not a
 *   `(req, res)` listener
 * @example
 * ```ts
 * createServer((req, res) => res.end("Hello\n")).listen(1234);
 * ```
 */
export function createServer(
  options?: FastCGIServerOptions | FastCGIRequestListener | null,
  listener?: FastCGIRequestListener | null,
): FastCGIServer {
  return new FastCGIServer(options, listener);
}

/**
 * Returns the arguments of {@link createServer} as options and listener.
 *
 * @throws TypeError if the listener is not one, or if an application is passed as options
 */
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
