import { type ServerResponse, STATUS_CODES } from "node:http";

/** Content-Type of the texts that the library itself responds with. */
export const PLAIN_TEXT = "text/plain; charset=utf-8";

/**
 * Returns an HTTP response with a text.
 *
 * @param fields further header fields, each with its line end
 */
export function plainTextResponse(statusCode: number, text: string, fields = ""): string {
  return (
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\nContent-Type: ${PLAIN_TEXT}\r\n` +
    `Content-Length: ${Buffer.byteLength(text)}\r\n${fields}\r\n${text}`
  );
}

/** Responds with a text; header fields that are set stay. */
export function sendPlainText(res: ServerResponse, statusCode: number, text: string): void {
  res.statusCode = statusCode;
  res.setHeader("Content-Type", PLAIN_TEXT);
  res.end(text);
}
