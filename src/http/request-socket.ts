import type { X509Certificate } from "node:crypto";
import { EventEmitter } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { getDefaultHighWaterMark, type Readable, Writable } from "node:stream";
import type { PeerCertificate } from "node:tls";
import { decodeParams, type Params } from "../cgi/params.ts";
import type { RequestHead } from "../cgi/request-head.ts";
import { translateResponseHead } from "../cgi/response-head.ts";
import {
  authorizationError,
  clientCertificate,
  isAuthorized,
  peerCertificate,
} from "./client-certificate.ts";
import type { RequestConsumer, RequestTransport } from "./request-transport.ts";
import { restoreDrain } from "./restore-drain.ts";

type WriteCallback = (error?: Error | null) => void;

const HIGH_WATER_MARK = getDefaultHighWaterMark(false);
/** Characters of a body from which on it is not kept together with its head. */
const LARGE_LENGTH = 8192;
/** `ServerResponse.end()` sets `corked` here before it uncorks; nobody reads it. */
const WRITABLE_STATE = { corked: 0 };

/** What the bytes that node:http writes are, when the application asked for chunked encoding itself. */
const Framing = { NONE: 0, BEFORE_CHUNK: 1, CHUNK: 2, AFTER_CHUNK: 3 } as const;

/**
 * The browser's connection, as `req.socket` and `res.socket` show it: it carries one request.
 *
 * It stands for a `net.Socket`, but is an EventEmitter with the members that node:http and the frameworks use:
 * a Duplex would cost a third of the whole request. What node:http writes into it is turned into a CGI answer,
 * gathered until the end of the tick, and handed to the transport in one piece.
 */
export class RequestSocket extends EventEmitter implements RequestConsumer {
  readonly server: Server;
  destroyed = false;
  readable = true;
  writable = true;
  /** Bytes of the body so far. */
  bytesRead = 0;
  /** Bytes or characters that node:http wrote so far, its HTTP head included. */
  bytesWritten = 0;
  timeout: number | undefined = undefined;
  writableCorked = 0;
  readonly connecting = false;
  readonly pending = false;
  readonly _writableState: { corked: number } = WRITABLE_STATE;
  #transport: RequestTransport;
  #head: RequestHead;
  #req: IncomingMessage | undefined = undefined;
  #res: ServerResponse | undefined = undefined;
  #isHeadWritten = false;
  #isScheduled = false;
  #isConsumed = false;
  #isFinished = false;
  #isEnding = false;
  #isClosed = false;
  #needsDrain = false;
  #framing: number = Framing.NONE;
  /** Bytes that Content-Length still allows, or -1. */
  #remaining = -1;
  #callbacks: WriteCallback[] | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #params: Params | undefined = undefined;
  #stderr: Writable | undefined = undefined;

  constructor(server: Server, transport: RequestTransport, head: RequestHead) {
    super();
    this.server = server;
    this.#transport = transport;
    this.#head = head;
    transport.consumer = this;
  }

  /** Ties the socket to the messages it carries. */
  attach(req: IncomingMessage, res: ServerResponse): void {
    this.#req = req;
    this.#res = res;
    if (this.server.timeout > 0) this.setTimeout(this.server.timeout);
  }

  /** The meta-variables as received. */
  get params(): Params {
    this.#params ??= decodeParams(this.#transport.params);
    return this.#params;
  }

  /** Sends FCGI_STDERR, which web servers write into their error log; nothing is sent unless you write. */
  get stderr(): Writable {
    const transport = this.#transport;
    this.#stderr ??= new Writable({
      write: (chunk: Uint8Array, _encoding, callback) => {
        transport.writeStderr(chunk);
        callback();
      },
    });
    return this.#stderr;
  }

  /** FastCGI role that the request was sent in. */
  get role(): number {
    return this.#transport.role;
  }
  /** FCGI_DATA, in the Filter role. */
  get data(): Readable | undefined {
    return this.#transport.data;
  }
  /** Exit status of the request, as of a CGI program; few web servers look at it. */
  get appStatus(): number {
    return this.#transport.appStatus;
  }
  set appStatus(status: number) {
    this.#transport.appStatus = status;
  }
  /** The response that it carries. */
  get response(): ServerResponse | undefined {
    return this.#res;
  }

  // As of a tls.TLSSocket, from the SSL_* variables, where the web server sends them.

  /** Whether the web server has verified the browser's certificate. */
  get authorized(): boolean {
    return isAuthorized(this.params);
  }
  get authorizationError(): string | undefined {
    return authorizationError(this.params);
  }
  getPeerCertificate(): Partial<PeerCertificate> {
    return peerCertificate(this.params);
  }
  getPeerX509Certificate(): X509Certificate | undefined {
    return clientCertificate(this.params);
  }
  getProtocol(): string | null {
    return this.params.SSL_PROTOCOL || null;
  }
  getCipher(): { name: string; standardName: string; version: string } {
    const { SSL_CIPHER = "", SSL_PROTOCOL = "" } = this.params;
    return { name: SSL_CIPHER, standardName: SSL_CIPHER, version: SSL_PROTOCOL };
  }

  get encrypted(): boolean {
    return this.#head.isEncrypted;
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
    return HIGH_WATER_MARK;
  }
  get writableHighWaterMark(): number {
    return HIGH_WATER_MARK;
  }
  get writableLength(): number {
    return this.#transport.writableLength;
  }
  get readyState(): string {
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

  // Reading: `IncomingMessage` calls these two as it would on its connection.

  pause(): this {
    this.#transport.pause();
    return this;
  }
  resume(): this {
    this.#isConsumed = true;
    this.#transport.resume();
    return this;
  }

  onStdin(bytes: Buffer): void {
    const room = this.#head.contentLength - this.bytesRead;
    // What goes beyond CONTENT_LENGTH is no part of the body (RFC 3875, 4.2); -1 says that nobody knows.
    const chunk = bytes.length > room && this.#head.contentLength >= 0 ? bytes.subarray(0, room) : bytes;
    if (chunk.length === 0) return;
    this.bytesRead += chunk.length;
    if (this.#timer !== undefined) this.#timer.refresh();
    if (this.#req !== undefined && !this.#req.destroyed && !this.#req.push(chunk)) this.#transport.pause();
  }

  onStdinEnd(): void {
    const req = this.#req;
    if (req === undefined || req.complete) return;
    if (this.bytesRead < this.#head.contentLength) {
      // Part of a body must not be taken for all of it: to the application this is a browser that left.
      this.#transport.abort();
      this.onAbort();
      return;
    }
    req.complete = true;
    if (!req.destroyed) req.push(null);
  }

  // Writing: node:http's HTTP comes in here.

  write(
    data: string | Uint8Array,
    encoding?: BufferEncoding | WriteCallback | null,
    callback?: WriteCallback | null,
  ): boolean {
    if (typeof encoding === "function") return this.write(data, undefined, encoding);
    if (this.destroyed) {
      if (callback) process.nextTick(callback, new Error("the request is over: nothing can be written"));
      return false;
    }
    this.bytesWritten += data.length;
    if (this.#timer !== undefined) this.#timer.refresh();
    if (!this.#isHeadWritten) this.#writeHead(data, encoding ?? "utf8");
    else if (this.#framing !== Framing.NONE) this.#writeFramed(data, encoding ?? "utf8");
    else if (data.length > 0) this.#writeBody(data, encoding ?? "utf8");
    if (callback) {
      if (this.#callbacks === undefined) this.#callbacks = [callback];
      else this.#callbacks.push(callback);
    }
    this.#schedule();
    const hasRoom = this.#transport.makeRoom();
    if (!hasRoom) this.#needsDrain = true;
    return hasRoom;
  }

  #writeHead(data: string | Uint8Array, encoding: BufferEncoding): void {
    const text = typeof data === "string" ? data : Buffer.from(data).toString("latin1");
    const head = translateResponseHead(text);
    if (head === undefined) {
      this.destroy(new Error("what was written to the socket is no HTTP response head"));
      return;
    }
    if (head.text === "") return; // 1xx: the real head is still to come
    this.#isHeadWritten = true;
    const { end, statusCode } = head;
    if (head.isChunked && this.#res !== undefined) {
      // The application asked for it, a proxy for instance. node:http frames this first chunk only:
      // "size", CRLF, the chunk, CRLF, in four writes, or "0" and CRLF where the answer ends with its head.
      this.#res.chunkedEncoding = false;
      if (text.length > end && !text.startsWith("0\r\n", end)) this.#framing = Framing.BEFORE_CHUNK;
      this.#transport.write(head.text ?? "", "latin1");
      return;
    }
    const hasBody = this.#head.method !== "HEAD" && statusCode !== 204 && statusCode !== 304;
    if (text.length - end > LARGE_LENGTH && hasBody) {
      // A large body is encoded once, by itself, and then has a length.
      this.#remaining = head.contentLength;
      this.#transport.write(head.text ?? `Status: ${text.slice(9, end)}`, "latin1");
      this.#writeBody(Buffer.from(text.slice(end), encoding), encoding);
      return;
    }
    if (head.contentLength >= 0 && hasBody) {
      const length = bodyLength(text, end, encoding);
      if (length > head.contentLength) {
        this.#remaining = head.contentLength;
        this.#transport.write(head.text ?? `Status: ${text.slice(9, end)}`, "latin1");
        this.#writeBody(text.slice(end), encoding);
        return;
      }
      this.#remaining = head.contentLength - length;
    }
    if (head.text === undefined) this.#transport.writeHTTP(text, encoding);
    else this.#transport.write(text.length === end ? head.text : head.text + text.slice(end), encoding);
  }

  #writeFramed(data: string | Uint8Array, encoding: BufferEncoding): void {
    if (this.#framing === Framing.CHUNK) this.#writeBody(data, encoding);
    this.#framing = this.#framing === Framing.AFTER_CHUNK ? Framing.NONE : this.#framing + 1;
  }

  #writeBody(data: string | Uint8Array, encoding: BufferEncoding): void {
    if (this.#remaining < 0) {
      this.#transport.write(data, encoding);
      return;
    }
    // Never more than Content-Length says: mod_fcgid would forward the surplus (response splitting).
    const bytes = typeof data === "string" ? Buffer.from(data, encoding) : data;
    const allowed = bytes.length > this.#remaining ? bytes.subarray(0, this.#remaining) : bytes;
    this.#remaining -= allowed.length;
    this.#transport.write(allowed, encoding);
  }

  cork(): void {
    this.writableCorked++;
  }

  uncork(): void {
    // Once is enough: end() undoes any number of corks.
    this.writableCorked = 0;
    this.#schedule();
  }

  /** Output leaves at the end of the tick: `end()` has then been called for most answers. */
  #schedule(): void {
    if (this.#isScheduled || this.destroyed) return;
    this.#isScheduled = true;
    process.nextTick(flushSocket, this);
  }

  flush(): void {
    this.#isScheduled = false;
    if (this.destroyed) return;
    const isComplete = this.#res?.writableEnded ?? false;
    if (isComplete && this.#remaining > 0) {
      // Fewer bytes than Content-Length: lighttpd and HAProxy would wait for the rest.
      this.#transport.flush(false);
      this.destroy();
    } else {
      this.#transport.flush(isComplete);
      if (this.#isEnding && !isComplete) this.destroy();
    }
  }

  onFlushed(): void {
    if (this.#callbacks !== undefined) {
      const callbacks = this.#callbacks;
      this.#callbacks = undefined;
      if (this.#transport.writableLength === 0) runCallbacks(callbacks);
      else this.#transport.whenSent(() => runCallbacks(callbacks));
    }
    if (this.#needsDrain && !this.#transport.needsDrain) this.onDrain();
  }

  onDrain(): void {
    const res = this.#res;
    if (!this.#needsDrain || this.destroyed || this.#transport.writableLength >= HIGH_WATER_MARK) return;
    this.#needsDrain = false;
    this.emit("drain");
    if (res !== undefined && !res.writableEnded) restoreDrain(res, this);
  }

  /** Is called when `res` emits `finish`: what node:http does then for its own connections. */
  onFinish(): void {
    if (this.#isFinished || this.destroyed) return;
    this.#isFinished = true;
    const req = this.#req;
    if (this.#isScheduled) this.flush();
    if (this.#timer !== undefined) this.setTimeout(0);
    // node:http detaches it here; `res` still has to hear our `close`.
    if (this.#res !== undefined) (this.#res as { socket: unknown }).socket = null;
    process.nextTick(closeSocket, this);
    if (req !== undefined && !this.#isConsumed) {
      if (req.complete && req.readableLength === 0) {
        req.read(); // nothing to throw away: `end` and `close` come all the same
      } else {
        req.removeAllListeners("data");
        req.resume();
      }
    }
  }

  end(data?: string | Uint8Array, encoding?: BufferEncoding, callback?: () => void): this {
    if (data !== undefined && typeof data !== "function") this.write(data, encoding, callback);
    this.#isEnding = true;
    this.#schedule();
    return this;
  }

  destroySoon(): void {
    this.end();
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  destroy(error?: Error | null): this {
    // What end() was called for leaves with this tick: node:http has written it by now.
    if (this.destroyed || (this.#isScheduled && this.#res?.writableEnded && this.#remaining <= 0))
      return this;
    this.#shut();
    this.#transport.abort();
    if (error) process.nextTick(emitError, this, error);
    // As late as the `close` of a net.Socket, which waits for its handle.
    setImmediate(closeDestroyed, this);
    return this;
  }

  onAbort(): void {
    if (this.destroyed) return;
    this.#shut();
    this.close(true);
  }

  #shut(): void {
    this.destroyed = true;
    this.readable = false;
    this.writable = false;
    if (this.#timer !== undefined) this.setTimeout(0);
    const callbacks = this.#callbacks;
    this.#callbacks = undefined;
    if (callbacks !== undefined && !this.#res?.writableEnded) {
      for (const callback of callbacks) process.nextTick(callback, resetError());
    }
  }

  /** Tells the application that the connection is over; `isAborted`: before the answer was. */
  close(isAborted: boolean): void {
    const req = this.#req;
    if (isAborted && req !== undefined && (!this.#isFinished || !req.complete)) req.destroy(resetError());
    if (!isAborted && req?.complete) {
      this.destroyed = true;
      this.readable = false;
      this.writable = false;
    }
    if (this.#isClosed) return;
    this.#isClosed = true;
    // `res` hears it by its own listener, set by assignSocket().
    this.emit("close", false);
  }

  setTimeout(milliseconds: number, callback?: () => void): this {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.timeout = milliseconds;
    if (milliseconds > 0 && !this.#isFinished && !this.destroyed) {
      this.#timer = setTimeout(onTimeout, milliseconds, this);
      this.#timer.unref();
      if (callback) this.once("timeout", callback);
    } else if (callback) {
      this.removeListener("timeout", callback);
    }
    return this;
  }

  /** Does what node:http does when its connection has been idle for too long. */
  onTimeout(): void {
    const isHeardByReq = this.#req !== undefined && !this.#req.complete && this.#req.emit("timeout", this);
    const isHeardByRes = this.#res?.emit("timeout", this) ?? false;
    const isHeardByServer = this.server.emit("timeout", this);
    if (!isHeardByReq && !isHeardByRes && !isHeardByServer) this.destroy();
    this.emit("timeout");
  }
}

function flushSocket(socket: RequestSocket): void {
  socket.flush();
}

function closeSocket(socket: RequestSocket): void {
  if (!socket.destroyed) socket.close(false);
}

function emitError(socket: RequestSocket, error: Error): void {
  socket.server.emit("clientError", error, socket);
  if (socket.listenerCount("error") > 0) socket.emit("error", error);
}

function closeDestroyed(socket: RequestSocket): void {
  socket.close(true);
}

function onTimeout(socket: RequestSocket): void {
  socket.onTimeout();
}

function runCallbacks(callbacks: WriteCallback[]): void {
  for (const callback of callbacks) callback();
}

/** The error that node:http gives to a request whose connection went. */
function resetError(): Error {
  return Object.assign(new Error("aborted"), { code: "ECONNRESET" });
}

/** Bytes of `text` behind its head. */
function bodyLength(text: string, end: number, encoding: BufferEncoding): number {
  const length = text.length - end;
  // The usual answer is ASCII, or its head only: no need to cut the body out.
  if (length === 0 || encoding === "latin1" || Buffer.byteLength(text, encoding) === text.length)
    return length;
  return Buffer.byteLength(text.slice(end), encoding);
}

function familyOf(address: string): string | undefined {
  if (address === "") return undefined;
  return address.includes(":") ? "IPv6" : "IPv4";
}
