import { channel } from "node:diagnostics_channel";
import {
  IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import type { RequestHead } from "../cgi/request-head.ts";
import type { RequestSocket } from "./request-socket.ts";

// The channels of node:http, with the same messages. `http.server.response.created` is published by ServerResponse
// itself.
const requestStart = channel("http.server.request.start");
const responseFinish = channel("http.server.response.finish");

/** The constructor of `ServerResponse` with the second argument that node:http passes. */
export type ResponseConstructor = new (
  req: IncomingMessage,
  options: { highWaterMark: number; rejectNonStandardBodyWrites: boolean },
) => ServerResponse;

/** Options of `http.createServer()` for the messages. */
export interface MessageOptions {
  readonly IncomingMessage: typeof IncomingMessage;
  readonly ServerResponse: ResponseConstructor;
  readonly rejectNonStandardBodyWrites: boolean;
}

/** Returns the options for messages, with their defaults. */
export function readMessageOptions(options: ServerOptions): MessageOptions {
  return {
    IncomingMessage: options.IncomingMessage ?? IncomingMessage,
    ServerResponse: options.ServerResponse ?? ServerResponse,
    rejectNonStandardBodyWrites: options.rejectNonStandardBodyWrites ?? false,
  };
}

const OWN_MESSAGES: MessageOptions = readMessageOptions({});

/**
 * Creates `req` and `res` for a request and emits `request` on the server. An exception of a listener fails the
 * request.
 *
 * The messages are Node's own classes, not subclasses: Express replaces their prototypes for every request, and an
 * overridden method would be lost. What differs from node:http is in the socket.
 *
 * @param listener called instead of the `request` listeners
 */
export function emitRequest(
  server: Server,
  socket: RequestSocket,
  head: RequestHead,
  options: MessageOptions,
  listener?: RequestListener,
): void {
  try {
    startRequest(server, socket, head, options, listener);
  } catch (error) {
    if (socket.response !== undefined) {
      socket.fail(error);
    } else if (options !== OWN_MESSAGES) {
      // The constructor of a class of the application threw: the error response uses Node's own classes.
      emitRequest(server, socket, head, OWN_MESSAGES, () => {
        throw error;
      });
    } else {
      throw error;
    }
  }
}

function startRequest(
  server: Server,
  socket: RequestSocket,
  head: RequestHead,
  options: MessageOptions,
  listener: RequestListener | undefined,
): void {
  // Stands for a net.Socket: it has all members that node:http uses.
  const connection = socket as unknown as Socket;
  const req = new options.IncomingMessage(connection);
  req.method = head.method;
  req.url = head.url;
  req.headers = head.headers;
  req.rawHeaders = head.rawHeaders;
  Object.defineProperty(req, "headersDistinct", HEADERS_DISTINCT);
  // ServerResponse would take the minor version 0 of HTTP/2.0 for HTTP/1.0, so it is constructed with 1.1.
  req.httpVersion = "1.1";
  req.httpVersionMajor = 1;
  req.httpVersionMinor = 1;
  (req as { upgrade?: boolean }).upgrade = false;
  const res = new options.ServerResponse(req, {
    highWaterMark: socket.writableHighWaterMark,
    rejectNonStandardBodyWrites: options.rejectNonStandardBodyWrites,
  });
  if (head.protocol !== "HTTP/1.1") setVersion(req, head.protocol);
  // Tells node:http not to add these fields: the web server frames the body.
  res.removeHeader("connection");
  res.removeHeader("transfer-encoding");
  socket.attach(req, res);
  if (requestStart.hasSubscribers) {
    requestStart.publish({ request: req, response: res, socket, server });
  }
  res.assignSocket(connection);
  res.on("finish", onFinish);
  if (listener === undefined) announceRequest(server, req, res);
  else listener.call(server, req, res);
}

/**
 * Emits `connection` with the socket of the request, if it has listeners, and then `request`. Libraries that stop a
 * server match the two. If a listener destroys the socket, `request` is not emitted, as in node:http.
 */
export function announceRequest(server: Server, req: IncomingMessage, res: ServerResponse): void {
  if (server.listenerCount("connection") > 0) {
    server.emit("connection", req.socket);
    if (req.socket.destroyed) return;
  }
  server.emit("request", req, res);
}

function onFinish(this: ServerResponse): void {
  const socket = this.socket as unknown as RequestSocket | null;
  if (socket === null) return;
  if (responseFinish.hasSubscribers) {
    responseFinish.publish({ request: this.req, response: this, socket, server: socket.server });
  }
  socket.onFinish();
}

/** Computed at the first access. That of node:http would use a private member that its parser sets. */
const HEADERS_DISTINCT: PropertyDescriptor & ThisType<IncomingMessage> = {
  configurable: true,
  enumerable: false,
  get() {
    const distinct: Record<string, string[]> = Object.create(null);
    for (let index = 0; index < this.rawHeaders.length; index += 2) {
      const key = this.rawHeaders[index]!.toLowerCase();
      distinct[key] ??= [];
      distinct[key].push(this.rawHeaders[index + 1]!);
    }
    this.headersDistinct = distinct;
    return distinct;
  },
  set(value: NodeJS.Dict<string[]>) {
    Object.defineProperty(this, "headersDistinct", { value, writable: true, configurable: true });
  },
};

function setVersion(req: IncomingMessage, protocol: string): void {
  const match = /^HTTP\/(\d)(?:\.(\d))?$/.exec(protocol);
  if (match === null) return;
  req.httpVersionMajor = Number(match[1]);
  req.httpVersionMinor = Number(match[2] ?? 0);
  req.httpVersion = `${req.httpVersionMajor}.${req.httpVersionMinor}`;
}
