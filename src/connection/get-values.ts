import { NULL_REQUEST_ID, RecordType } from "../protocol/constants.ts";
import { decodeNameValuePairs, encodeNameValuePairs } from "../protocol/name-value.ts";
import { encodeRecord } from "../protocol/record.ts";

/**
 * Encodes FCGI_GET_VALUES_RESULT.
 *
 * @param content of FCGI_GET_VALUES, as Latin-1
 * @param values known values; other names are left out of the result
 * @see FastCGI 1.0, section 4.1
 */
export function encodeValues(content: string, values: ReadonlyMap<string, string>): Buffer {
  const result = new Map<string, string>();
  for (const [name] of decodeNameValuePairs(Buffer.from(content, "latin1"), "latin1")) {
    const value = values.get(name);
    if (value !== undefined) result.set(name, value);
  }
  return encodeRecord(RecordType.GET_VALUES_RESULT, NULL_REQUEST_ID, encodeNameValuePairs(result));
}
