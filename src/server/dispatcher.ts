import type { Socket } from "node:net";
import { crashesOnEarlyEnd } from "../cgi/front-ends.ts";
import { type HeadLimits, readRequestHead } from "../cgi/read-request-head.ts";
import { addTransferEncoding, type HeadProblem, RequestHead } from "../cgi/request-head.ts";
import type { ApplicationLimits } from "../connection/application-request.ts";
import { type ConnectionOwner, FastCGIConnection } from "../fastcgi/connection.ts";
import { foreignProtocol, reportForeignProtocol, respondToHTTP } from "../fastcgi/foreign-protocol.ts";
import type { FastCGIRequest } from "../fastcgi/request.ts";
import { Timeouts } from "../fastcgi/timeouts.ts";
import type { CapturingServer } from "../http/capturing-server.ts";
import { emitRequest, type MessageOptions, readMessageOptions } from "../http/messages.ts";
import { describeError, emitApart, logProcessError } from "../http/request-failure.ts";
import { RequestSocket } from "../http/request-socket.ts";
import { createRequestSocket } from "../http/secure-request-socket.ts";
import { type ConnectionFilter, createConnectionFilter } from "../listen/allowed-addresses.ts";
import { Role, ValueName } from "../protocol/constants.ts";
import { AddressError, FastCGIError, ProtocolError } from "../protocol/errors.ts";
import { type ConnectionLog, createConnectionLog } from "./connection-log.ts";
import { rejectRequest, sendErrorResponse } from "./error-response.ts";
import { type FastCGIServerOptions, readHeadLimits, type ServerSettings } from "./options.ts";
import { RequestCounter } from "./request-counter.ts";
import { createRouting, type Routing, rolesOf } from "./routing.ts";

/** Methods whose requests rarely have a body: if its length is unknown, they are not deferred. */
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "DELETE"]);

/**
 * The connections of a server, and the way of each request to a listener: refused because of a limit, rejected because
 * of its head, deferred until it is known whether it has a body, or dispatched.
 */
export class Dispatcher implements ConnectionOwner {
  readonly limits: ApplicationLimits;
  readonly lingerLength: number;
  readonly maxBufferedStdin: number;
  readonly maxOutputLength: number;
  tick = 0;
  readonly #server: CapturingServer;
  readonly #settings: ServerSettings;
  readonly #messageOptions: MessageOptions;
  readonly #connections: Set<FastCGIConnection> = new Set();
  readonly #timeouts: Timeouts<FastCGIRequest>;
  readonly #headLimits: HeadLimits;
  readonly #routing: Routing | undefined;
  readonly #filter: ConnectionFilter | undefined;
  readonly #log: ConnectionLog | undefined = createConnectionLog();
  readonly #requests: RequestCounter;
  /** Another protocol on this port was reported to stderr. */
  #hasReported = false;

  constructor(server: CapturingServer, settings: ServerSettings, options: FastCGIServerOptions) {
    this.#server = server;
    this.#settings = settings;
    this.lingerLength = settings.lingerLength;
    this.maxBufferedStdin = settings.maxBufferedStdin;
    this.maxOutputLength = settings.maxOutputLength;
    this.#headLimits = readHeadLimits(options, settings);
    const multiplexes = settings.maxRequestsPerConnection > 1;
    this.limits = {
      maxParamsLength: settings.maxParamsLength,
      maxParamsWireLength: settings.maxParamsLength * 4,
      maxRequestsPerConnection: settings.maxRequestsPerConnection,
      maxEarlyStdinLength: settings.maxBufferedStdin,
      roles: rolesOf(options.roles),
      values: new Map([
        [ValueName.MPXS_CONNS, multiplexes ? "1" : "0"],
        [ValueName.MAX_REQS, String(Math.min(settings.maxRequests, settings.maxRequestsPerConnection))],
      ]),
    };
    this.#requests = new RequestCounter({
      maxRequests: settings.maxRequests,
      maxDiscarded: this.limits.maxRequestsPerConnection,
      maxDiscardedLength: this.limits.maxParamsWireLength,
    });
    this.#messageOptions = readMessageOptions(options);
    this.#routing = createRouting(options);
    this.#filter = createConnectionFilter(
      server,
      options.allowedAddresses,
      process.env.FCGI_WEB_SERVER_ADDRS,
    );
    this.#timeouts = new Timeouts(server, settings, this.#connections, () => this.tick++);
  }

  /** Serves a connection, unless its address is not allowed. */
  add(socket: Socket): void {
    const refusal = this.#filter?.(socket);
    if (refusal !== undefined) {
      socket.destroy();
      this.onConnectionError(new AddressError(refusal), socket);
      return;
    }
    const connection = new FastCGIConnection(socket, this);
    this.#connections.add(connection);
    this.#log?.opened(connection);
    this.#timeouts.start();
  }

  onConnectionClose(connection: FastCGIConnection): void {
    this.#log?.closed(connection);
    this.#connections.delete(connection);
  }

  onConnectionError(error: Error, socket: Socket): void {
    this.#log?.failed(error);
    emitApart(this.#server, "clientError", error, socket);
    // A fault of this library.
    if (!(error instanceof FastCGIError)) logProcessError(describeError(error));
  }

  onInvalidInput(error: Error, chunk: Buffer, connection: FastCGIConnection): void {
    const { socket } = connection;
    const protocol = foreignProtocol(socket, chunk);
    if (protocol !== undefined && !this.#hasReported && this.#server.listenerCount("clientError") === 0) {
      this.#hasReported = true;
      reportForeignProtocol(protocol, this.#server, socket);
    }
    if (protocol === "HTTP") respondToHTTP(socket, () => this.onConnectionError(error, socket));
    else connection.fail(error);
  }

  onRequestEnd(request: FastCGIRequest): void {
    this.#requests.end(request);
    this.#log?.ended(request);
  }

  onDiscard(request: FastCGIRequest): void {
    this.onRequestEnd(request);
    this.#requests.discard(request);
  }

  onRequest(request: FastCGIRequest): void {
    this.#requests.begin(request);
    this.#log?.begun(request);
    if (request.isTooLarge) {
      const message = `params exceed ${this.#settings.maxParamsLength} bytes`;
      this.#reject(request, { statusCode: 431, message });
      return;
    }
    let head: RequestHead;
    try {
      head = readRequestHead(request.params, this.#headLimits);
    } catch (error) {
      request.dropParams();
      if (error instanceof ProtocolError) this.#reject(request, { statusCode: 400, message: error.message });
      else this.#fail(request, error);
      return;
    }
    request.endsAfterStdin = request.keepConn && crashesOnEarlyEnd(head.serverSoftware);
    const { problem } = head;
    if (this.#requests.isOverloaded) {
      this.#refuseOverload(request, head);
    } else if (problem !== undefined) {
      this.#reject(request, problem, head);
    } else if (mayHaveBody(head) && request.role === Role.RESPONDER) {
      this.#defer(request, head);
    } else {
      this.#dispatch(request, head);
    }
  }

  /** Waits for the first of a body of unknown length, or for its end. */
  #defer(request: FastCGIRequest, head: RequestHead): void {
    const oldest = this.#requests.defer(request, (hasBody) => {
      if (this.#requests.isOverloaded) {
        this.#refuseOverload(request, head);
        return;
      }
      if (hasBody) addTransferEncoding(head);
      this.#dispatch(request, head);
    });
    if (oldest !== undefined) this.#refuseOverload(oldest);
  }

  /** Responds with 503: END_REQUEST with OVERLOADED becomes an empty 200 behind Apache, and HAProxy does not respond. */
  #refuseOverload(request: FastCGIRequest, head: RequestHead = new RequestHead()): void {
    const message = "the server has too many open requests";
    sendErrorResponse(this.#server, request, head, { statusCode: 503, message });
  }

  #reject(request: FastCGIRequest, problem: HeadProblem, head: RequestHead = new RequestHead()): void {
    // A `clientError` listener may keep the request open, so that it counts.
    if (this.#requests.isOverloaded) this.#refuseOverload(request, head);
    else rejectRequest(this.#server, request, head, problem, `request ${request.requestId}`);
  }

  /** Fails a request that no application has seen, because of an exception in this library or in a listener. */
  #fail(request: FastCGIRequest, error: unknown): void {
    const head = new RequestHead();
    const socket = new RequestSocket(this.#server, request, head);
    emitRequest(this.#server, socket, head, this.#messageOptions, () => {
      throw error;
    });
  }

  #dispatch(request: FastCGIRequest, head: RequestHead): void {
    try {
      this.#routing?.prepare(request, head, this.maxBufferedStdin);
      const listener = this.#routing?.listener(request.role, head, this.#server);
      const socket = createRequestSocket(this.#server, request, head);
      request.expectStdin(head.contentLength);
      emitRequest(this.#server, socket, head, this.#messageOptions, listener);
    } catch (error) {
      this.#fail(request, error);
    }
    if (head.contentLength === 0) request.deliverStdinEnd();
  }

  /** Closes each connection after its last open request, and all of them after `shutdownTimeout`. */
  shutDown(): void {
    for (const connection of this.#connections) connection.closeAfterRequests();
    const { shutdownTimeout } = this.#settings;
    if (shutdownTimeout > 0) setTimeout(() => this.destroyAll(), shutdownTimeout).unref();
  }

  /**
   * Closes the idle connections, two turns of the event loop later, when requests that wait in the sockets have been
   * read. If a connection closes under a request, the client gets a 502.
   */
  closeIdle(): void {
    // The server may listen again by then; its new connections stay.
    const connections = [...this.#connections];
    setImmediate(() =>
      setImmediate(() => {
        for (const connection of connections) connection.closeIfIdle();
      }),
    );
  }

  /** Destroys all connections; their requests are aborted. */
  destroyAll(): void {
    for (const connection of this.#connections) connection.destroy();
  }
}

/** Whether a request may have a body of unknown length: its first byte, or its end, will tell. */
function mayHaveBody(head: RequestHead): boolean {
  return head.contentLength < 0 && !head.hasTransferEncoding && !BODILESS.has(head.method);
}
