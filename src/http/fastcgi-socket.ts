import type { X509Certificate } from "node:crypto";
import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { PeerCertificate } from "node:tls";
import type { CGIRole } from "../cgi/cgi-request.ts";
import type { Params } from "../cgi/params.ts";

/**
 * What `req.socket` and `res.socket` are over FastCGI and plain CGI: the client's connection as the web server
 * describes it, for the time of one request. {@link isFastCGISocket} tells it from other sockets.
 *
 * It has the members of `net.Socket` that are listed here, and over HTTPS those of `tls.TLSSocket`. It is not a stream:
 * `pipe()`, `setEncoding()`, `read()` and `connect()` are missing. Events: `close` (hadError), `drain`, `error` (error;
 * needs no listener) and `timeout`.
 */
export interface FastCGISocket extends EventEmitter {
  /**
   * The meta-variables (FCGI_PARAMS) as received, without a prototype. Header fields in which a proxy describes its
   * client are subject to the option `forwarded`. Decoded at the first access.
   *
   * @see RFC 3875, section 4.1
   */
  readonly params: Params;
  /**
   * Writes to the web server's error log (FCGI_STDERR). Nothing is sent unless the application writes.
   *
   * `write()` returns false while the web server does not read, and calls back when the bytes have left the process, or
   * with an error when the request is over. That error needs no listener.
   */
  readonly stderr: Writable;
  /** FastCGI role of the request; `responder` over plain CGI. */
  readonly role: CGIRole;
  /** The file to filter (FCGI_DATA) in the Filter role; undefined in other roles. */
  readonly data: Readable | undefined;
  /**
   * Exit status of the request, sent with its end; over plain CGI, of the process. Few web servers look at it.
   * @defaultValue 0
   */
  appStatus: number;
  /** The response that belongs to the request; undefined in `clientError`, where there is none. */
  readonly response: ServerResponse | undefined;

  /** Address of the client (REMOTE_ADDR). */
  readonly remoteAddress: string | undefined;
  /** `IPv4` or `IPv6`. */
  readonly remoteFamily: string | undefined;
  /** Port of the client (REMOTE_PORT). */
  readonly remotePort: number | undefined;
  /** Address at which the web server accepted the client's connection (SERVER_ADDR). */
  readonly localAddress: string | undefined;
  /** `IPv4` or `IPv6`. */
  readonly localFamily: string | undefined;
  /** Port at which the web server accepted the client's connection (SERVER_PORT). */
  readonly localPort: number | undefined;
  /** Returns local address, family and port; an empty object if the web server does not send all of them. */
  address(): { address?: string; family?: string; port?: number };

  /** Bytes of the request body received so far. */
  readonly bytesRead: number;
  /** Bytes or characters that node:http wrote so far, its HTTP head included. */
  readonly bytesWritten: number;
  /** Always false: the request is here. */
  readonly connecting: boolean;
  /** Always false. */
  readonly pending: boolean;
  /** Whether the request is over, or was destroyed. */
  readonly destroyed: boolean;
  /** `closed` once the socket is destroyed. */
  readonly readyState: "open" | "closed";
  /** Whether the socket is not destroyed. */
  readonly readable: boolean;
  /** Whether the socket is not destroyed. */
  readonly writable: boolean;
  /** Bytes that are buffered for the web server. */
  readonly writableLength: number;
  /** Bytes of output from which on `write()` returns false. */
  readonly writableHighWaterMark: number;
  /** Bytes of input from which on reading pauses. */
  readonly readableHighWaterMark: number;
  /** Time in milliseconds that was given to `setTimeout()`. */
  readonly timeout?: number | undefined;

  /**
   * Writes part of an HTTP response, as node:http does; the first part has to hold the whole head.
   *
   * @returns false if the caller should wait for `drain`
   */
  write(data: string | Uint8Array, callback?: (error?: Error | null) => void): boolean;
  /** Same, with the encoding of a string; UTF-8 by default. */
  write(
    data: string | Uint8Array,
    encoding?: BufferEncoding,
    callback?: (error?: Error | null) => void,
  ): boolean;
  /**
   * Ends the connection of the request after what was written; the response is cut off if it is incomplete. The
   * callback is called once it has left, or with an error if the request is over.
   */
  end(callback?: (error?: Error | null) => void): this;
  /** Same, after `data`. */
  end(data: string | Uint8Array, callback?: (error?: Error | null) => void): this;
  /** Same, with the encoding of a string; UTF-8 by default. */
  end(data: string | Uint8Array, encoding?: BufferEncoding, callback?: (error?: Error | null) => void): this;
  /** Aborts the request, so that its response does not look complete. The web server's connection may stay open. */
  destroy(error?: Error): this;
  /** Ends the response, and aborts the request if it is incomplete. */
  destroySoon(): void;
  /** Same as {@link destroy}. */
  resetAndDestroy(): this;
  /** Holds output back until {@link uncork}. */
  cork(): void;
  /** Sends what {@link cork} held back. */
  uncork(): void;
  /** Pauses reading of the request body. */
  pause(): this;
  /** Resumes reading of the request body. */
  resume(): this;
  /** Emits `timeout` after so many milliseconds without input and output; 0 switches it off. */
  setTimeout(timeout: number, callback?: () => void): this;
  /** Has no effect: the web server holds the client's connection. */
  setKeepAlive(enable?: boolean, initialDelay?: number): this;
  /** Has no effect. */
  setNoDelay(noDelay?: boolean): this;
  /** Has no effect. */
  ref(): this;
  /** Has no effect. */
  unref(): this;

  /** True over HTTPS; this and the members below are missing over plain HTTP, as they are on `net.Socket`. */
  readonly encrypted?: boolean;
  /** Whether the web server has verified the client's certificate: SSL_CLIENT_VERIFY is `SUCCESS`. */
  readonly authorized?: boolean;
  /** Why the certificate is not verified; null if it is, or if the web server does not say. */
  readonly authorizationError?: string | null;
  /** The host name that the client asked for in TLS (SSL_TLS_SNI); false if the web server does not send it. */
  readonly servername?: string | false;
  /** Always false: the web server does not send the protocol that it agreed on with the client. */
  readonly alpnProtocol?: string | false;
  /** Returns the client's certificate; without one an empty object, or the names that the web server sends. */
  getPeerCertificate?(): Partial<PeerCertificate>;
  /** Returns the client's certificate; undefined if the web server sends none. */
  getPeerX509Certificate?(): X509Certificate | undefined;
  /** Returns the TLS version (SSL_PROTOCOL); null if the web server does not send it. */
  getProtocol?(): string | null;
  /** Returns the cipher (SSL_CIPHER); empty strings if the web server does not send it. */
  getCipher?(): { name: string; standardName: string; version: string };
  /** Whether the TLS session was resumed (SSL_SESSION_RESUMED). */
  isSessionReused?(): boolean;
}

/**
 * `http.IncomingMessage` as listeners of a FastCGI server get it: `req.socket` is a {@link FastCGISocket}.
 *
 * @example
 * ```ts
 * const server = serveFastCGI((req: FastCGIIncomingMessage, res) => {
 *   res.end(`Hello ${req.socket.params.REMOTE_USER}\n`);
 * });
 * ```
 */
export interface FastCGIIncomingMessage extends IncomingMessage {
  /** The socket of the request. */
  socket: Socket & FastCGISocket;
  /** With the option `mount`: `req.url` before the prefix was removed. */
  originalUrl?: string;
  /** With the option `mount`: the prefix that was removed from `req.url`. */
  baseUrl?: string;
}

/** A `request` listener of a FastCGI server; every `http.RequestListener` is one. */
export type FastCGIRequestListener = (
  req: FastCGIIncomingMessage,
  res: ServerResponse<FastCGIIncomingMessage> & { req: FastCGIIncomingMessage },
) => void;
