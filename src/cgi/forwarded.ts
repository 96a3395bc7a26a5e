import { isIP } from "node:net";

/**
 * How to treat header fields in which proxies describe the client (X-Forwarded-*, Forwarded, X-Real-IP …): `drop`
 * removes them, `set` replaces them with the web server's own information on the connection, `pass` keeps them.
 */
export type ForwardedPolicy = "drop" | "set" | "pass";

const POLICIES: ReadonlySet<unknown> = new Set(["drop", "set", "pass"]);

/** Names in lower case, beside x-forwarded-*. */
const NAMES: ReadonlySet<string> = new Set([
  "client-ip",
  "forwarded",
  "forwarded-for",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-forwarded",
  "x-real-ip",
  "x-real-port",
]);

/** Returns whether {@link ForwardedPolicy} applies to a header field. `key` is its name in lower case. */
export function isForwarded(key: string): boolean {
  return key.startsWith("x-forwarded-") || NAMES.has(key);
}

/**
 * Reads the option `forwarded`.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE` if it is not one of the three
 */
export function readForwarded(value: unknown = "drop"): ForwardedPolicy {
  if (POLICIES.has(value)) return value as ForwardedPolicy;
  const given = typeof value === "string" ? JSON.stringify(value) : String(value);
  throw Object.assign(new TypeError(`option forwarded is ${given}: give "drop", "set" or "pass"`), {
    code: "ERR_INVALID_ARG_VALUE",
  });
}

/** The web server's connection to the client, and the Host field. */
interface ClientConnection {
  readonly remoteAddress: string;
  readonly localPort: string;
  readonly isEncrypted: boolean;
  readonly headers: Readonly<Record<string, string | string[]>>;
}

/** Returns the fields for `set`: the name as usually written, the name in lower case, the value. */
export function forwardedFields(head: ClientConnection): [raw: string, key: string, value: string][] {
  const { remoteAddress, localPort, headers } = head;
  const fields: [string, string, string][] = [];
  // REMOTE_ADDR is "unix:" for a client on a unix socket of nginx.
  if (isIP(remoteAddress) !== 0) {
    fields.push(["X-Forwarded-For", "x-forwarded-for", remoteAddress]);
    fields.push(["X-Real-IP", "x-real-ip", remoteAddress]);
  }
  fields.push(["X-Forwarded-Proto", "x-forwarded-proto", head.isEncrypted ? "https" : "http"]);
  if (typeof headers.host === "string") fields.push(["X-Forwarded-Host", "x-forwarded-host", headers.host]);
  if (localPort !== "") fields.push(["X-Forwarded-Port", "x-forwarded-port", localPort]);
  return fields;
}
