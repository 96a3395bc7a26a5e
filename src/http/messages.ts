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

// The channels on which node:http itself publishes, with the same messages; ServerResponse publishes its own
// creation, where Node.js does.
const requestStart = channel("http.server.request.start");
const responseFinish = channel("http.server.response.finish");

/** `ServerResponse` with the second argument that node:http itself passes. */
export type ResponseConstructor = new (
  req: IncomingMessage,
  options: { highWaterMark: number; rejectNonStandardBodyWrites: boolean },
) => ServerResponse;

/** Settings of node:http that shape its messages. */
export interface MessageOptions {
  readonly IncomingMessage: typeof IncomingMessage;
  readonly ServerResponse: ResponseConstructor;
  readonly rejectNonStandardBodyWrites: boolean;
}

/** Reads them from the options of `http.createServer()`. */
export function readMessageOptions(options: ServerOptions): MessageOptions {
  return {
    IncomingMessage: options.IncomingMessage ?? IncomingMessage,
    ServerResponse: options.ServerResponse ?? ServerResponse,
    rejectNonStandardBodyWrites: options.rejectNonStandardBodyWrites ?? false,
  };
}

const OWN_MESSAGES: MessageOptions = readMessageOptions({});

/**
 * Makes Node's own `req` and `res` for a request and emits `request` on the server.
 *
 * Neither is subclassed: Express replaces their prototypes for every request, so that an overridden method
 * would vanish. All that is ours lies in the socket below them. What a listener throws is answered
 * with 500.
 *
 * @param listener stands in for the `request` event
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
      // A class of the application's cannot be made: Node's own stand for it.
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
  // RequestSocket stands for a net.Socket: node:http asks for no more than it has.
  const connection = socket as unknown as Socket;
  const req = new options.IncomingMessage(connection);
  req.method = head.method;
  req.url = head.url;
  req.headers = head.headers;
  req.rawHeaders = head.rawHeaders;
  Object.defineProperty(req, "headersDistinct", HEADERS_DISTINCT);
  // While `res` is made, the version is 1.1: ServerResponse takes the minor 0 of HTTP/2.0 for HTTP/1.0.
  req.httpVersion = "1.1";
  req.httpVersionMajor = 1;
  req.httpVersionMinor = 1;
  (req as { upgrade?: boolean }).upgrade = false;
  const res = new options.ServerResponse(req, {
    highWaterMark: socket.writableHighWaterMark,
    rejectNonStandardBodyWrites: options.rejectNonStandardBodyWrites,
  });
  if (head.protocol !== "HTTP/1.1") setVersion(req, head.protocol);
  // Node then adds neither of them: the framing is FastCGI's.
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
 * Emits `request`, and before it `connection` with the request's socket, where somebody listens: libraries that stop
 * a server match the two. A socket that a listener destroys has no request, as under node:http.
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

/** Built when somebody asks; node:http would build it from a private count of its parser's. */
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
