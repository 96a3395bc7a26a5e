import * as wire from "./wire.ts";

/** What a request has beside its id. */
export interface RequestParts {
  readonly url?: string;
  readonly method?: string;
  readonly keepConn?: boolean;
  /** More params, sent last. */
  readonly params?: readonly (readonly [string, string])[];
  /** CONTENT_LENGTH is its length, and empty without a body. */
  readonly body?: Uint8Array | string;
}

/** FCGI_BEGIN_REQUEST and all of FCGI_PARAMS. */
export function head(id: number, parts: RequestParts = {}): Buffer {
  const { url = "/", method = "GET", keepConn = true, params = [], body } = parts;
  const required = [
    ["REQUEST_METHOD", method],
    ["REQUEST_URI", url],
    ["SERVER_PROTOCOL", "HTTP/1.1"],
    ["CONTENT_LENGTH", body === undefined ? "" : String(Buffer.byteLength(body))],
  ] as const;
  return wire.requestHead(id, [...required, ...params], keepConn ? wire.KEEP_CONN : 0);
}

/** A whole request. */
export function request(id: number, parts: RequestParts = {}): Buffer {
  return Buffer.concat([head(id, parts), wire.requestBody(id, Buffer.from(parts.body ?? ""))]);
}
