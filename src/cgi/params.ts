import { decodeNameValuePairs } from "../protocol/name-value.ts";
import { forwardedFields, isForwarded } from "./forwarded.ts";
import type { RequestHead } from "./request-head.ts";
import { Repeat, repeatOf } from "./variable-name.ts";

/** Meta-variables by name. The object has no prototype, so `__proto__` is a name like any other. */
export type Params = Record<string, string>;

/**
 * Decodes a name-value stream to an object. The last value of a repeated name is kept; repeated header fields are
 * treated as in `req.headers`.
 *
 * `HTTP_*` and REQUEST_URI are decoded as Latin-1, as node:http decodes header fields and URLs. Other values (PATH_INFO,
 * SCRIPT_NAME, DOCUMENT_ROOT, SSL_CLIENT_S_DN …) are UTF-8 if they are valid UTF-8, because web servers decode
 * percent-encoding in them.
 *
 * @param head determines how X-Forwarded-* and the like are treated; without it they are passed
 */
export function decodeParams(content: Buffer, head?: RequestHead): Params {
  const params: Params = Object.create(null);
  const forwarded = head?.forwarded ?? "pass";
  for (const [name, bytes] of decodeNameValuePairs(content, "latin1")) {
    const isField = name.startsWith("HTTP_");
    if (isField && forwarded !== "pass" && isForwarded(keyOf(name))) continue;
    const value = decodeValue(name, bytes);
    const previous = params[name];
    params[name] = previous === undefined || !isField ? value : joinRepeated(keyOf(name), previous, value);
  }
  if (head !== undefined && forwarded === "set") {
    for (const [, key, value] of forwardedFields(head)) {
      params[`HTTP_${key.toUpperCase().replaceAll("-", "_")}`] = value;
    }
  }
  return params;
}

function keyOf(name: string): string {
  return name.slice("HTTP_".length).replaceAll("_", "-").toLowerCase();
}

function joinRepeated(key: string, previous: string, value: string): string {
  const repeat = repeatOf(key);
  if (repeat === Repeat.FIRST_WINS || repeat === Repeat.ONCE) return previous === "" ? value : previous;
  return previous + (repeat === Repeat.COOKIE ? "; " : ", ") + value;
}

function decodeValue(name: string, value: string): string {
  if (isASCII(value) || name.startsWith("HTTP_") || name === "REQUEST_URI") return value;
  const bytes = Buffer.from(value, "latin1");
  const text = bytes.toString("utf8");
  return text.includes("\ufffd") ? value : text;
}

function isASCII(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 127) return false;
  }
  return true;
}
