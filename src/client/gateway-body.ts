import type { IncomingMessage } from "node:http";
import { finished } from "node:stream/promises";
import type { MountedRequest } from "../cgi/request-params.ts";
import { http2Stream } from "./http2-stream.ts";

/** Whether a request has a body. Over HTTP/2 it need not have a Content-Length. */
export function hasBody(req: IncomingMessage): boolean {
  if (req.headers["transfer-encoding"] !== undefined) return true;
  const length = req.headers["content-length"];
  if (length !== undefined) return length !== "0";
  return http2Stream(req)?.endAfterHeaders === false;
}

/**
 * Reads a body of unknown length into memory.
 *
 * @returns undefined if it is longer than `most` bytes; the rest is then not read
 * @throws Error if the client aborted it
 */
export async function readBody(req: IncomingMessage, most: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  const onData = (chunk: Buffer): void => {
    length += chunk.length;
    if (length <= most) chunks.push(chunk);
    else stop.abort();
  };
  const stop = new AbortController();
  req.on("data", onData);
  try {
    await finished(req, { writable: false, signal: stop.signal });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    req.pause();
    return undefined;
  } finally {
    req.off("data", onData);
  }
  return Buffer.concat(chunks);
}

/** Returns a copy of a request with a body of `length` bytes, or without a body. */
export function withLength(req: MountedRequest, length: number | undefined): MountedRequest {
  const { "content-length": _, "transfer-encoding": __, ...headers } = req.headers;
  if (length === undefined) delete headers["content-type"];
  else headers["content-length"] = String(length);
  return {
    method: req.method,
    url: req.url,
    ...(req.originalUrl === undefined ? {} : { originalUrl: req.originalUrl }),
    ...(req.baseUrl === undefined ? {} : { baseUrl: req.baseUrl }),
    httpVersion: req.httpVersion,
    socket: req.socket,
    headers,
    rawHeaders: req.rawHeaders.filter((_, i, all) => all[i & ~1]!.toLowerCase() !== "transfer-encoding"),
  };
}
