import type { X509Certificate } from "node:crypto";
import type { Server } from "node:http";
import type { PeerCertificate } from "node:tls";
import type { RequestHead } from "../cgi/request-head.ts";
import { makeAssignable } from "./assignable.ts";
import {
  authorizationError,
  clientCertificate,
  isAuthorized,
  peerCertificate,
} from "./client-certificate.ts";
import { RequestSocket } from "./request-socket.ts";
import type { RequestTransport } from "./request-transport.ts";

/**
 * The socket of a request that came over HTTPS: what `tls.TLSSocket` has beside `net.Socket`, from the SSL_*
 * variables, where the web server sends them.
 *
 * `"encrypted" in req.socket` tells it from that of a request over plain HTTP, as it does under node:http and
 * node:https. What only the end of the TLS connection could know is answered as an end that does not know it.
 */
export class SecureRequestSocket extends RequestSocket {
  readonly secureConnecting = false;

  get encrypted(): boolean {
    return true;
  }
  /** Whether the web server has verified the client's certificate. */
  get authorized(): boolean {
    return isAuthorized(this.params);
  }
  /** Why it is not verified; null if it is, or if the web server does not say. */
  get authorizationError(): string | null {
    return authorizationError(this.params) ?? null;
  }
  /** The name that the client asked for (SNI), where the web server sends SSL_TLS_SNI; else false. */
  get servername(): string | false {
    return this.params.SSL_TLS_SNI || false;
  }
  /** False: the connection speaks FastCGI, whatever the client's may speak. */
  get alpnProtocol(): string | false {
    return false;
  }

  /** The client's certificate; without one an empty object, or what the web server says of it. */
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

  // The web server's certificate and keys, which do not leave it.

  getCertificate(): object {
    return {};
  }
  getX509Certificate(): undefined {
    return undefined;
  }
  getEphemeralKeyInfo(): null {
    return null;
  }
  getFinished(): undefined {
    return undefined;
  }
  getPeerFinished(): undefined {
    return undefined;
  }
  getSession(): undefined {
    return undefined;
  }
  getTLSTicket(): undefined {
    return undefined;
  }
  getSharedSigalgs(): string[] {
    return [];
  }
  isSessionReused(): boolean {
    return this.params.SSL_SESSION_RESUMED === "Resumed";
  }
  /** @throws Error always: the keys of the TLS connection are the web server's */
  exportKeyingMaterial(): never {
    throw notHere("keying material cannot be exported");
  }

  // What changes a TLS connection: none can be changed from here.

  /** Calls back with an error. */
  renegotiate(_options: object, callback?: (error: Error | null) => void): boolean {
    if (callback) process.nextTick(callback, notHere("it cannot be renegotiated"));
    return false;
  }
  disableRenegotiation(): void {}
  setMaxSendFragment(): boolean {
    return false;
  }
  setKeyCert(): void {}
  setSession(): void {}
  /** @throws Error always, as on all sockets of a server */
  setServername(): never {
    throw Object.assign(new Error("Cannot issue SNI from a TLS server-side socket"), {
      code: "ERR_TLS_SNI_FROM_SERVER",
    });
  }
  enableTrace(): void {}
}

makeAssignable(SecureRequestSocket.prototype, [
  "encrypted",
  "authorized",
  "authorizationError",
  "servername",
  "alpnProtocol",
]);

/** Makes the socket of a request: one of TLS where the client's connection is. */
export function createRequestSocket(
  server: Server,
  transport: RequestTransport,
  head: RequestHead,
): RequestSocket {
  return head.isEncrypted
    ? new SecureRequestSocket(server, transport, head)
    : new RequestSocket(server, transport, head);
}

function notHere(what: string): Error {
  return Object.assign(new Error(`the TLS connection ends at the web server: ${what}`), {
    code: "ERR_TLS_INVALID_STATE",
  });
}
