import { STATUS_CODES } from "node:http";
import type { RequestTransport } from "../http/request-transport.ts";

/** Answers a request that no application sees. */
export function refuse(request: RequestTransport, statusCode: number, message: string, method = "GET"): void {
  const body = `${message}\n`;
  const head =
    `Status: ${statusCode} ${STATUS_CODES[statusCode]}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  request.write(method === "HEAD" ? head : head + body, "utf8");
  request.flush(true);
}
