import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Readable, Writable } from "node:stream";
import type { CGIRole } from "../cgi/cgi-request.ts";
import { decodeParams, type Params } from "../cgi/params.ts";
import type { RequestHead } from "../cgi/request-head.ts";
import { Role } from "../protocol/constants.ts";
import { makeAssignable } from "./assignable.ts";
import type { FastCGISocket } from "./fastcgi-socket.ts";
import type { RequestTransport } from "./request-transport.ts";

// The parts of a socket for the classes below. They are no members, because applications set properties of their own on
// `req.socket`, and could replace them.
export let transportOf: (socket: SocketInfo) => RequestTransport;
export let headOf: (socket: SocketInfo) => RequestHead;
export let requestOf: (socket: SocketInfo) => IncomingMessage | undefined;
export let responseOf: (socket: SocketInfo) => ServerResponse | undefined;

/** What the web server says of the client's connection, as members of `net.Socket`. */
export class SocketInfo extends EventEmitter {
  destroyed = false;
  readonly connecting = false;
  readonly pending = false;
  readonly #transport: RequestTransport;
  readonly #head: RequestHead;
  #req: IncomingMessage | undefined = undefined;
  #res: ServerResponse | undefined = undefined;
  #params: Params | undefined = undefined;
  #stderr: Writable | undefined = undefined;

  constructor(transport: RequestTransport, head: RequestHead) {
    super();
    this.#transport = transport;
    this.#head = head;
  }

  static {
    transportOf = (socket) => socket.#transport;
    headOf = (socket) => socket.#head;
    requestOf = (socket) => socket.#req;
    responseOf = (socket) => socket.#res;
  }

  /** Connects the socket with the messages that it carries. */
  attach(req: IncomingMessage, res: ServerResponse): void {
    this.#req = req;
    this.#res = res;
  }

  get params(): Params {
    this.#params ??= decodeParams(this.#transport.params, this.#head);
    return this.#params;
  }

  get stderr(): Writable {
    if (this.#stderr === undefined) {
      const transport = this.#transport;
      this.#stderr = new Writable({
        write: (chunk: Uint8Array, _encoding, callback) => transport.writeStderr(chunk, callback),
      });
      // An error needs no listener: a line for the log that comes too late must not end the process.
      this.#stderr.on("error", ignore);
    }
    return this.#stderr;
  }

  get role(): CGIRole {
    const { role } = this.#transport;
    if (role === Role.AUTHORIZER) return "authorizer";
    return role === Role.FILTER ? "filter" : "responder";
  }
  get data(): Readable | undefined {
    return this.#transport.data;
  }
  get appStatus(): number {
    return this.#transport.appStatus;
  }
  set appStatus(status: number) {
    this.#transport.appStatus = status;
  }
  get response(): ServerResponse | undefined {
    return this.#res;
  }

  get remoteAddress(): string | undefined {
    return this.#head.remoteAddress || undefined;
  }
  get remotePort(): number | undefined {
    return this.#head.remotePort === "" ? undefined : Number(this.#head.remotePort);
  }
  get remoteFamily(): string | undefined {
    return familyOf(this.#head.remoteAddress);
  }
  get localAddress(): string | undefined {
    return this.#head.localAddress || undefined;
  }
  get localPort(): number | undefined {
    return this.#head.localPort === "" ? undefined : Number(this.#head.localPort);
  }
  get localFamily(): string | undefined {
    return familyOf(this.#head.localAddress);
  }
  get readableHighWaterMark(): number {
    return this.#transport.highWaterMark;
  }
  get writableHighWaterMark(): number {
    return this.#transport.highWaterMark;
  }
  get writableLength(): number {
    return this.#transport.writableLength;
  }
  get readyState(): "open" | "closed" {
    return this.destroyed ? "closed" : "open";
  }
  address(): { address?: string; family?: string; port?: number } {
    const { localAddress, localFamily, localPort } = this;
    return localAddress === undefined || localFamily === undefined || localPort === undefined
      ? {}
      : { address: localAddress, family: localFamily, port: localPort };
  }

  // Options of a TCP connection have no effect: the web server holds it.

  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

/**
 * Returns whether a socket is that of a FastCGI or CGI request, and not one of plain HTTP.
 *
 * Also true for the socket that `clientError` listeners get if one request is at fault.
 *
 * @example
 * ```ts
 * app.get("/", (req, res) => {
 *   const user = isFastCGISocket(req.socket) ? req.socket.params.REMOTE_USER : undefined;
 *   res.end(`Hello ${user ?? "stranger"}\n`);
 * });
 * ```
 */
export function isFastCGISocket(socket: unknown): socket is FastCGISocket {
  return socket instanceof SocketInfo;
}

function ignore(): void {}

function familyOf(address: string): string | undefined {
  if (address === "") return undefined;
  return address.includes(":") ? "IPv6" : "IPv4";
}

// Applications may set properties of these names, which net.Socket does not have.
makeAssignable(SocketInfo.prototype, ["params", "stderr", "role", "data", "response"]);
