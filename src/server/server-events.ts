import type { IncomingMessage, Server } from "node:http";
import type { DropArgument, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type {
  FastCGIIncomingMessage,
  FastCGIRequestListener,
  FastCGISocket,
} from "../http/fastcgi-socket.ts";

/** Events of a {@link FastCGIServer} and the arguments of their listeners. */
export interface FastCGIServerEvents {
  /** A request with its response. */
  request: Parameters<FastCGIRequestListener>;
  /**
   * Before each `request`, with the socket of that request: one connection of the web server may carry the requests
   * of many clients. The connection itself is not announced.
   */
  connection: [socket: Socket & FastCGISocket];
  /**
   * A web server broke the protocol or passed a limit. `socket` is its connection, which is destroyed already; or, if
   * one request is at fault, it stands for this request ({@link isFastCGISocket} is true), and what is written to it is
   * the response. Without a listener such a request is responded to with 400 or 431 and an empty body.
   *
   * Also emitted when the connection of a running request fails. Needs no listener.
   */
  clientError: [error: NodeJS.ErrnoException, socket: Duplex];
  /**
   * The application threw, or a promise that it returned was rejected. The 500 was sent already, or the response was
   * cut off. Without a listener the error is logged; see the option `logErrors`.
   */
  requestError: [error: unknown, req: FastCGIIncomingMessage, res: Parameters<FastCGIRequestListener>[1]];
  /** `setTimeout()` of the server, or of the socket of a request. */
  timeout: [socket: Socket & FastCGISocket];
  /** The server listens. */
  listening: [];
  /** The server does not listen any more, and all connections are closed. */
  close: [];
  /** The server cannot listen. Throws without a listener. */
  error: [error: NodeJS.ErrnoException];
  /** A connection was dropped because of `maxConnections`. */
  drop: [data?: DropArgument];
  /** Never emitted: web servers handle `Expect: 100-continue`. */
  checkContinue: Parameters<FastCGIRequestListener>;
  /** Never emitted. */
  checkExpectation: Parameters<FastCGIRequestListener>;
  /** Never emitted: FastCGI has no CONNECT. */
  connect: [req: IncomingMessage, socket: Duplex, head: Buffer];
  /** Never emitted: FastCGI has no upgrade. */
  upgrade: [req: IncomingMessage, socket: Duplex, head: Buffer];
  /** Never emitted. */
  dropRequest: [req: IncomingMessage, socket: Duplex];
}

type Listener<E extends keyof FastCGIServerEvents> = (...args: FastCGIServerEvents[E]) => void;
type OtherListener = Parameters<Server["removeListener"]>[1];

/** An `http.Server` with the events of a FastCGI server. Other events have the listeners that node:events declares. */
export interface FastCGIEventServer extends Server {
  addListener<E extends keyof FastCGIServerEvents>(event: E, listener: Listener<E>): this;
  addListener(event: string | symbol, listener: OtherListener): this;
  on<E extends keyof FastCGIServerEvents>(event: E, listener: Listener<E>): this;
  on(event: string | symbol, listener: OtherListener): this;
  once<E extends keyof FastCGIServerEvents>(event: E, listener: Listener<E>): this;
  once(event: string | symbol, listener: OtherListener): this;
  prependListener<E extends keyof FastCGIServerEvents>(event: E, listener: Listener<E>): this;
  prependListener(event: string | symbol, listener: OtherListener): this;
  prependOnceListener<E extends keyof FastCGIServerEvents>(event: E, listener: Listener<E>): this;
  prependOnceListener(event: string | symbol, listener: OtherListener): this;
  off<E extends keyof FastCGIServerEvents>(event: E, listener: Listener<E>): this;
  off(event: string | symbol, listener: OtherListener): this;
  removeListener<E extends keyof FastCGIServerEvents>(event: E, listener: Listener<E>): this;
  removeListener(event: string | symbol, listener: OtherListener): this;
  emit<E extends keyof FastCGIServerEvents>(event: E, ...args: FastCGIServerEvents[E]): boolean;
  emit(event: string | symbol, ...args: unknown[]): boolean;
}
