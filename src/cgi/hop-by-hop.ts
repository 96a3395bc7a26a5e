/**
 * Names in lower case of the header fields that belong to one HTTP connection. They are not forwarded.
 *
 * `translateResponseHead()` tells them by length and characters instead, because it sees each response.
 *
 * @see RFC 9110, section 7.6.1; RFC 7540, section 3.2.1 (HTTP2-Settings)
 */
export const HOP_BY_HOP_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
