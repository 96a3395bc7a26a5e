import { X509Certificate } from "node:crypto";
import type { PeerCertificate } from "node:tls";
import type { Params } from "../cgi/params.ts";

/** Variables with the certificate in PEM, plain or percent-encoded. */
const CERTIFICATES = ["SSL_CLIENT_CERT", "SSL_CLIENT_ESCAPED_CERT", "TLS_CLIENT_CERT"];

/**
 * Returns whether the web server has verified the client's certificate: SSL_CLIENT_VERIFY is `SUCCESS`.
 *
 * Clients cannot set the variable, because their header fields are variables with the prefix HTTP_.
 */
export function isAuthorized(params: Params): boolean {
  return params.SSL_CLIENT_VERIFY === "SUCCESS";
}

/** Returns why {@link isAuthorized} is false. nginx sends the reason after `FAILED:`. */
export function authorizationError(params: Params): string | undefined {
  const verify = params.SSL_CLIENT_VERIFY;
  if (verify === undefined || verify === "SUCCESS") return undefined;
  return verify.replace(/^FAILED:\s*/, "");
}

/** Returns the client's certificate; undefined if the web server sends none or it cannot be parsed. */
export function clientCertificate(params: Params): X509Certificate | undefined {
  for (const name of CERTIFICATES) {
    const value = params[name];
    if (!value) continue;
    try {
      return new X509Certificate(pemOf(value));
    } catch {
      // Not a certificate: the next variable may hold one.
    }
  }
  return undefined;
}

/**
 * Returns plain PEM: nginx percent-encodes it (`$ssl_client_escaped_cert`) or indents its lines (`$ssl_client_cert`).
 */
function pemOf(value: string): string {
  return (value.includes("%") ? decodeURIComponent(value) : value).replace(/^[\t ]+/gm, "");
}

/**
 * Returns the certificate as `getPeerCertificate()` of a TLS socket does; an empty object without one. If the web
 * server sends names and dates but no certificate, the object holds only these.
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

/** Parses a distinguished name: `CN=Ada,O=Example` (RFC 2253) or the older `/O=Example/CN=Ada`. */
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
