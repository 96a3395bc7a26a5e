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
 * The socket of a request over HTTPS. Has the members of `tls.TLSSocket`, from the variables SSL_* if the web server
 * sends them; what only the end of the TLS connection knows has the value of a connection without it.
 *
 * `"encrypted" in req.socket` distinguishes it from the socket of a request over plain HTTP, as in node:http and
 * node:https.
 */
export class SecureRequestSocket extends RequestSocket {
  readonly secureConnecting = false;

  get encrypted(): boolean {
    return true;
  }
  get authorized(): boolean {
    return isAuthorized(this.params);
  }
  get authorizationError(): string | null {
    return authorizationError(this.params) ?? null;
  }
  get servername(): string | false {
    return this.params.SSL_TLS_SNI || false;
  }
  get alpnProtocol(): string | false {
    return false;
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

  // The web server does not send its certificate and keys.

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
  /** @throws Error with `ERR_TLS_INVALID_STATE`, always: only the web server has the keys */
  exportKeyingMaterial(): never {
    throw notHere("keying material cannot be exported");
  }

  // The TLS connection cannot be changed from here.

  /** Calls back with an error, always. */
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
  /** @throws Error with `ERR_TLS_SNI_FROM_SERVER`, always, as on all sockets of a server */
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

/** Creates the socket of a request, according to whether the client used HTTPS. */
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
