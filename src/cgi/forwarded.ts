import { isIP } from "node:net";

/**
 * What becomes of the header fields in which proxies tell of the client: `drop` keeps them from the application,
 * `set` replaces them by what the web server says of the connection, `pass` leaves them as received.
 */
export type ForwardedPolicy = "drop" | "set" | "pass";

const POLICIES: ReadonlySet<unknown> = new Set(["drop", "set", "pass"]);

/** The fields, in lower case. */
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

/** Whether a header field, its name in lower case, is one of those that {@link ForwardedPolicy} speaks of. */
export function isForwarded(key: string): boolean {
  return key.startsWith("x-forwarded-") || NAMES.has(key);
}

/**
 * Reads the option `forwarded`.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE` if it is none of the three
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

/** The fields as the web server would send them of its own: name as browsers write it, name in lower case, value. */
export function forwardedFields(head: ClientConnection): [raw: string, key: string, value: string][] {
  const { remoteAddress, localPort, headers } = head;
  const fields: [string, string, string][] = [];
  // nginx says "unix:" of a client on a unix socket: no address.
  if (isIP(remoteAddress) !== 0) {
    fields.push(["X-Forwarded-For", "x-forwarded-for", remoteAddress]);
    fields.push(["X-Real-IP", "x-real-ip", remoteAddress]);
  }
  fields.push(["X-Forwarded-Proto", "x-forwarded-proto", head.isEncrypted ? "https" : "http"]);
  if (typeof headers.host === "string") fields.push(["X-Forwarded-Host", "x-forwarded-host", headers.host]);
  if (localPort !== "") fields.push(["X-Forwarded-Port", "x-forwarded-port", localPort]);
  return fields;
}
