import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { type Readable, Writable } from "node:stream";
import type { CGIRole } from "../cgi/cgi-request.ts";
import { decodeParams, type Params } from "../cgi/params.ts";
import type { RequestHead } from "../cgi/request-head.ts";
import { Role } from "../protocol/constants.ts";
import { makeAssignable } from "./assignable.ts";
import type { FastCGISocket } from "./fastcgi-socket.ts";
import type { RequestTransport } from "./request-transport.ts";

/** What a request's socket tells of the browser's connection, in the words of `net.Socket`. */
export class SocketInfo extends EventEmitter {
  destroyed = false;
  readonly connecting = false;
  readonly pending = false;
  protected readonly transport: RequestTransport;
  protected readonly head: RequestHead;
  protected res: ServerResponse | undefined = undefined;
  #params: Params | undefined = undefined;
  #stderr: Writable | undefined = undefined;

  constructor(transport: RequestTransport, head: RequestHead) {
    super();
    this.transport = transport;
    this.head = head;
  }

  /** The meta-variables as received, but for X-Forwarded-* and the like: see the option `forwarded`. */
  get params(): Params {
    this.#params ??= decodeParams(this.transport.params, this.head);
    return this.#params;
  }

  /**
   * Sends FCGI_STDERR, which web servers write into their error log; nothing is sent unless you write.
   *
   * `write()` returns false while the web server takes nothing, and calls back when the bytes have left the process,
   * or with an error when the request is over. That error needs no listener.
   */
  get stderr(): Writable {
    if (this.#stderr === undefined) {
      const transport = this.transport;
      this.#stderr = new Writable({
        write: (chunk: Uint8Array, _encoding, callback) => transport.writeStderr(chunk, callback),
      });
      // A line for the log that comes too late must not end the process.
      this.#stderr.on("error", ignore);
    }
    return this.#stderr;
  }

  get role(): CGIRole {
    const { role } = this.transport;
    if (role === Role.AUTHORIZER) return "authorizer";
    return role === Role.FILTER ? "filter" : "responder";
  }
  /** FCGI_DATA, in the Filter role. */
  get data(): Readable | undefined {
    return this.transport.data;
  }
  /** Exit status of the request, as of a CGI program; few web servers look at it. */
  get appStatus(): number {
    return this.transport.appStatus;
  }
  set appStatus(status: number) {
    this.transport.appStatus = status;
  }
  /** The response that it carries. */
  get response(): ServerResponse | undefined {
    return this.res;
  }

  get remoteAddress(): string | undefined {
    return this.head.remoteAddress || undefined;
  }
  get remotePort(): number | undefined {
    return this.head.remotePort === "" ? undefined : Number(this.head.remotePort);
  }
  get remoteFamily(): string | undefined {
    return familyOf(this.head.remoteAddress);
  }
  get localAddress(): string | undefined {
    return this.head.localAddress || undefined;
  }
  get localPort(): number | undefined {
    return this.head.localPort === "" ? undefined : Number(this.head.localPort);
  }
  get localFamily(): string | undefined {
    return familyOf(this.head.localAddress);
  }
  get readableHighWaterMark(): number {
    return this.transport.highWaterMark;
  }
  get writableHighWaterMark(): number {
    return this.transport.highWaterMark;
  }
  get writableLength(): number {
    return this.transport.writableLength;
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

  /** Options of a TCP connection mean nothing here: the web server holds it. */
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

// Plain names, which programs use for properties of their own.
makeAssignable(SocketInfo.prototype, ["params", "stderr", "role", "data", "response"]);
