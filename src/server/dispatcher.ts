import type { Socket } from "node:net";
import {
  addTransferEncoding,
  type HeadLimits,
  type HeadProblem,
  RequestHead,
  readRequestHead,
} from "../cgi/request-head.ts";
import { type ApplicationLimits, NO_BYTES } from "../connection/application-request.ts";
import { FastCGIConnection } from "../fastcgi/connection.ts";
import type { ConnectionOwner } from "../fastcgi/connection-owner.ts";
import { DeferredRequest } from "../fastcgi/deferred-request.ts";
import { type ForeignProtocol, reportForeignProtocol, respondToHTTP } from "../fastcgi/foreign-protocol.ts";
import type { FastCGIRequest } from "../fastcgi/request.ts";
import { Timeouts } from "../fastcgi/timeouts.ts";
import type { CapturingServer } from "../http/capturing-server.ts";
import { emitRequest, type MessageOptions, readMessageOptions } from "../http/messages.ts";
import { describeError, emitApart, logProcessError, rethrowApart } from "../http/request-failure.ts";
import { RequestSocket } from "../http/request-socket.ts";
import { createRequestSocket } from "../http/secure-request-socket.ts";
import { type ConnectionFilter, createConnectionFilter } from "../listen/allowed-addresses.ts";
import { Role, ValueName } from "../protocol/constants.ts";
import { AddressError, FastCGIError, ProtocolError } from "../protocol/errors.ts";
import { type ConnectionLog, createConnectionLog } from "./connection-log.ts";
import { refuse, reject } from "./error-response.ts";
import { type FastCGIServerOptions, readHeadLimits, type ServerSettings } from "./options.ts";
import { createRouting, type Routing, rolesOf } from "./routing.ts";

/** Methods whose requests have no body as a rule: they need not wait for the first of it. */
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "DELETE"]);

/** The connections of a server, and what happens on them. */
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
  readonly #timeouts: Timeouts;
  readonly #headLimits: HeadLimits;
  readonly #routing: Routing | undefined;
  readonly #filter: ConnectionFilter | undefined;
  readonly #log: ConnectionLog | undefined = createConnectionLog();
  #openRequests = 0;
  /** Requests that wait for the first of their body. */
  readonly #deferred: Set<FastCGIRequest> = new Set();
  /** Answered requests that nobody reads on, and whose `req` has not ended yet, with the lengths of their params. */
  readonly #discarded: Map<FastCGIRequest, number> = new Map();
  #discardedLength = 0;
  /** Whether stderr has been told of another protocol. */
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
    this.#messageOptions = readMessageOptions(options);
    this.#routing = createRouting(options);
    this.#filter = createConnectionFilter(
      server,
      options.allowedAddresses,
      process.env.FCGI_WEB_SERVER_ADDRS,
      rethrowApart,
    );
    this.#timeouts = new Timeouts(server, settings, this.#connections, () => this.tick++);
  }

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
    // Not the peer's fault, but ours.
    if (!(error instanceof FastCGIError)) logProcessError(describeError(error));
  }

  onForeignProtocol(protocol: ForeignProtocol, error: Error, connection: FastCGIConnection): void {
    const { socket } = connection;
    if (!this.#hasReported && this.#server.listenerCount("clientError") === 0) {
      this.#hasReported = true;
      reportForeignProtocol(protocol, this.#server, socket);
    }
    if (protocol === "HTTP") respondToHTTP(socket, () => this.onConnectionError(error, socket));
    else connection.fail(error);
  }

  onRequestEnd(request: FastCGIRequest): void {
    this.#uncount(request);
    if (this.#deferred.size > 0) this.#deferred.delete(request);
    if (this.#discarded.size > 0) {
      this.#discardedLength -= this.#discarded.get(request) ?? 0;
      this.#discarded.delete(request);
    }
    this.#log?.ended(request);
  }

  onDiscard(request: FastCGIRequest): void {
    this.onRequestEnd(request);
    const { length } = request.params;
    this.#discarded.set(request, length);
    this.#discardedLength += length;
    const { maxRequestsPerConnection, maxParamsWireLength } = this.limits;
    for (const oldest of this.#discarded.keys()) {
      if (
        this.#discarded.size <= maxRequestsPerConnection &&
        (this.#discardedLength <= maxParamsWireLength || oldest === request)
      )
        return;
      oldest.connection.letGo(oldest);
    }
  }

  #count(request: FastCGIRequest): void {
    this.#openRequests++;
    request.isCounted = true;
  }

  #uncount(request: FastCGIRequest): void {
    if (request.isCounted) this.#openRequests--;
    request.isCounted = false;
  }

  /**
   * No length: whether there is a body is told by the first of STDIN. Until then the request is none of the
   * `maxRequests`, as it keeps no application busy; as many may wait.
   */
  #defer(request: FastCGIRequest, head: RequestHead): void {
    this.#uncount(request);
    this.#deferred.add(request);
    request.consumer = new DeferredRequest(request, (hasBody) => {
      this.#deferred.delete(request);
      request.consumer = undefined;
      this.#count(request);
      if (this.#openRequests > this.#settings.maxRequests) {
        this.#refuseOverload(request, head);
        return;
      }
      if (hasBody) addTransferEncoding(head);
      this.#dispatch(request, head);
    });
    if (this.#deferred.size <= this.#settings.maxRequests) return;
    const [oldest] = this.#deferred;
    if (oldest === undefined) return;
    this.#deferred.delete(oldest);
    oldest.consumer = undefined;
    this.#refuseOverload(oldest);
  }

  /** A real response: FCGI_END_REQUEST with OVERLOADED becomes an empty 200 behind Apache and hangs HAProxy. */
  #refuseOverload(request: FastCGIRequest, head: RequestHead = new RequestHead()): void {
    const message = "the server has too many open requests";
    refuse(this.#server, request, head, { statusCode: 503, message });
  }

  onRequest(request: FastCGIRequest): void {
    this.#count(request);
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
      request.params = NO_BYTES;
      if (error instanceof ProtocolError) this.#reject(request, { statusCode: 400, message: error.message });
      else this.#fail(request, error);
      return;
    }
    // h2o 2.2 ends itself (an assertion) when a kept connection is free before it has written all of an upload.
    request.endsAfterStdin = request.keepConn && head.serverSoftware.startsWith("h2o/");
    const { problem } = head;
    if (this.#openRequests > this.#settings.maxRequests) {
      this.#refuseOverload(request, head);
    } else if (problem !== undefined) {
      this.#reject(request, problem, head);
    } else if (mayHaveBody(head) && request.role === Role.RESPONDER) {
      this.#defer(request, head);
    } else {
      this.#dispatch(request, head);
    }
  }

  #reject(request: FastCGIRequest, problem: HeadProblem, head: RequestHead = new RequestHead()): void {
    // A listener may take its time: what waits for it is limited, too.
    if (this.#openRequests > this.#settings.maxRequests) this.#refuseOverload(request, head);
    else reject(this.#server, request, head, problem, `request ${request.requestId}`);
  }

  /** Fails a request that no application has seen, because of an error that is not the peer's. */
  #fail(request: FastCGIRequest, error: unknown): void {
    const head = new RequestHead();
    const socket = new RequestSocket(this.#server, request, head);
    emitRequest(this.#server, socket, head, this.#messageOptions, () => {
      throw error;
    });
  }

  #dispatch(request: FastCGIRequest, head: RequestHead): void {
    try {
      const transport = this.#routing === undefined ? request : this.#routing.transport(request, head);
      const listener = this.#routing?.listener(request.role, head, this.#server);
      const socket = createRequestSocket(this.#server, transport, head);
      request.stdinRemaining = head.contentLength;
      emitRequest(this.#server, socket, head, this.#messageOptions, listener);
    } catch (error) {
      this.#fail(request, error);
    }
    if (head.contentLength === 0) request.consumer?.onStdinEnd();
  }

  /** Lets the open requests end, and their connections with them. */
  shutDown(): void {
    for (const connection of this.#connections) connection.closeAfterRequests();
    const { shutdownTimeout } = this.#settings;
    if (shutdownTimeout > 0) setTimeout(() => this.destroyAll(), shutdownTimeout).unref();
  }

  /**
   * Closes the idle connections, two turns of the event loop later: a request that lies unread in a socket has
   * then been read, and its connection is not idle. Closing under a request would cost the browser a 502.
   */
  closeIdle(): void {
    // Not the connections of a server that listens again by then.
    const connections = [...this.#connections];
    setImmediate(() =>
      setImmediate(() => {
        for (const connection of connections) connection.closeIfIdle();
      }),
    );
  }

  destroyAll(): void {
    for (const connection of this.#connections) connection.socket.destroy();
  }
}

/** Whether there is a body is not known before its first bytes, or its end. */
function mayHaveBody(head: RequestHead): boolean {
  return head.contentLength < 0 && !head.hasTransferEncoding && !BODILESS.has(head.method);
}
