import { X509Certificate } from "node:crypto";
import type { PeerCertificate } from "node:tls";
import type { Params } from "../cgi/params.ts";

/** Variables that hold the certificate as PEM, as they are or percent-encoded. */
const CERTIFICATES = ["SSL_CLIENT_CERT", "SSL_CLIENT_ESCAPED_CERT", "TLS_CLIENT_CERT"];

/**
 * Whether the web server has verified the browser's certificate: SSL_CLIENT_VERIFY is `SUCCESS`.
 *
 * No browser can set the variable: its header fields come as HTTP_*.
 */
export function isAuthorized(params: Params): boolean {
  return params.SSL_CLIENT_VERIFY === "SUCCESS";
}

/** Why {@link isAuthorized} is false: nginx tells the reason behind `FAILED:`. */
export function authorizationError(params: Params): string | undefined {
  const verify = params.SSL_CLIENT_VERIFY;
  if (verify === undefined || verify === "SUCCESS") return undefined;
  return verify.replace(/^FAILED:\s*/, "");
}

/** Reads the browser's certificate; undefined if the web server sends none, or something else in its place. */
export function clientCertificate(params: Params): X509Certificate | undefined {
  for (const name of CERTIFICATES) {
    const value = params[name];
    if (!value) continue;
    try {
      return new X509Certificate(pemOf(value));
    } catch {
      // Not a certificate: as good as none.
    }
  }
  return undefined;
}

/** nginx escapes the certificate (`$ssl_client_escaped_cert`) or indents its lines (`$ssl_client_cert`). */
function pemOf(value: string): string {
  return (value.includes("%") ? decodeURIComponent(value) : value).replace(/^[\t ]+/gm, "");
}

/**
 * Returns what `getPeerCertificate()` of a TLS socket does; `{}` without certificate. Where the web server sends
 * names and dates but not the certificate, the object holds no more than these.
 */
export function peerCertificate(params: Params): Partial<PeerCertificate> {
  const certificate = clientCertificate(params);
  if (certificate !== undefined) return certificate.toLegacyObject();
  const legacy: Record<string, unknown> = {};
  const add = (name: string, value: unknown): void => {
    if (value !== undefined && value !== "") legacy[name] = value;
  };
  add("subject", readName(params.SSL_CLIENT_S_DN));
  add("issuer", readName(params.SSL_CLIENT_I_DN));
  add("serialNumber", params.SSL_CLIENT_M_SERIAL ?? params.SSL_CLIENT_SERIAL);
  add("valid_from", params.SSL_CLIENT_V_START);
  add("valid_to", params.SSL_CLIENT_V_END);
  add("fingerprint", params.SSL_CLIENT_FINGERPRINT);
  return legacy;
}

/** Reads `CN=Ada,O=Example` (RFC 2253) and the older `/O=Example/CN=Ada`. */
function readName(name: string | undefined): Record<string, string> | undefined {
  if (!name) return undefined;
  const parts = name.startsWith("/") ? name.slice(1).split(/\/(?=[A-Za-z]+=)/) : name.split(/(?<!\\), ?/);
  const attributes: Record<string, string> = Object.create(null);
  for (const part of parts) {
    const equals = part.indexOf("=");
    if (equals > 0) attributes[part.slice(0, equals)] = part.slice(equals + 1).replace(/\\(.)/g, "$1");
  }
  return attributes;
}
