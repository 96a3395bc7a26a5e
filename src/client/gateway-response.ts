import type { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { finished } from "node:stream/promises";
import { HOP_BY_HOP_FIELDS } from "../cgi/hop-by-hop.ts";
import { ResponseError } from "../protocol/errors.ts";
import { http2Stream, INTERNAL_ERROR } from "./http2-stream.ts";
import type { FastCGIResponse } from "./response.ts";

const NO_BYTES = Buffer.alloc(0);

/** Whether HTTP allows no body in the response, whatever the application sends. */
export function isBodiless(req: IncomingMessage, { statusCode }: FastCGIResponse): boolean {
  return req.method === "HEAD" || statusCode === 204 || statusCode === 304;
}

/**
 * Copies the head of a response to `res`. It is sent with the first bytes of the body.
 *
 * @returns the Content-Length; undefined if there is none
 * @throws ResponseError on an invalid Content-Length, or several that differ
 */
export function sendHead(res: ServerResponse, response: FastCGIResponse): number | undefined {
  const { statusCode, rawHeaders } = response;
  const fields = new Map<string, { name: string; values: string[] }>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    const field = fields.get(name.toLowerCase());
    if (field) field.values.push(rawHeaders[i + 1]!);
    else fields.set(name.toLowerCase(), { name, values: [rawHeaders[i + 1]!] });
  }
  for (const named of fields.get("connection")?.values.join().split(",") ?? []) {
    fields.delete(named.trim().toLowerCase());
  }
  for (const name of HOP_BY_HOP_FIELDS) fields.delete(name);
  const length = contentLength(fields.get("content-length")?.values ?? []);
  fields.delete("content-length");
  res.statusCode = statusCode;
  // HTTP/2 has no reason phrase; node:http2 warns on stderr if one is set.
  if (res.req.httpVersionMajor < 2) res.statusMessage = response.statusMessage;
  for (const { name, values } of fields.values()) {
    res.setHeader(name, values.length === 1 ? values[0]! : values);
  }
  // RFC 9110, 8.6: never with 204.
  if (length !== undefined && statusCode !== 204) res.setHeader("Content-Length", length);
  return length;
}

/**
 * Forwards the body of a response, with backpressure.
 *
 * @throws Error if the response is not complete
 */
export async function sendBody(
  res: ServerResponse,
  { body, ended }: FastCGIResponse,
  length: number | undefined,
): Promise<void> {
  // The head of an event stream must not wait for the first event.
  if (body.readableLength === 0) flushHead(res);
  let sent = 0;
  const onDrain = () => body.resume();
  res.on("drain", onDrain);
  body.on("data", (chunk: Buffer) => {
    sent += chunk.length;
    if (length !== undefined && sent > length) {
      body.destroy(responseError(`longer than its Content-Length of ${length}`));
      return;
    }
    try {
      // A middleware ended the response: `drain` would never be emitted.
      if (res.writableEnded) throw new Error("the response was ended before that of the application");
      if (!res.write(chunk)) body.pause();
    } catch (error) {
      // A middleware may have replaced write().
      body.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  });
  try {
    await finished(body, { writable: false });
    const { appStatus } = await ended;
    if (length !== undefined && sent < length) {
      throw responseError(`${sent} bytes long, its Content-Length is ${length}`);
    }
    if (length === undefined && appStatus !== 0) {
      throw responseError(`incomplete: it ended with the status ${appStatus}`);
    }
  } finally {
    res.off("drain", onDrain);
  }
}

/** Sends the head on its own, with its bytes as the application sent them. */
function flushHead(res: ServerResponse): void {
  const isASCII = Object.values(res.getHeaders()).every((value) => /^[\0-\x7f]*$/.test(String(value)));
  // node:http's flushHeaders() encodes the head as UTF-8. With an empty Buffer it is written as Latin-1.
  if (isASCII || res.req.httpVersionMajor > 1) res.flushHeaders();
  else res.write(NO_BYTES);
}

/** Bytes that are read of a response that is not forwarded, before its request is aborted. */
const DRAIN_LENGTH = 1_048_576;
/** Time in ms after which such a request is aborted. */
const DRAIN_TIMEOUT = 1000;

/**
 * Reads a response that is not forwarded to its end, so that its connection can be kept. Aborts the request if that
 * takes too long.
 */
export function drain({ body }: FastCGIResponse): void {
  let length = 0;
  body.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > DRAIN_LENGTH) body.destroy();
  });
  const timer = setTimeout(() => body.destroy(), DRAIN_TIMEOUT).unref();
  body.once("close", () => clearTimeout(timer));
}

/** Cuts off a response so that the HTTP client does not take it for complete. */
export function destroyResponse(req: IncomingMessage, res: ServerResponse): void {
  const stream = http2Stream(req);
  if (stream !== undefined) {
    // Without a code the stream would end as if it were complete.
    stream.close(INTERNAL_ERROR);
    return;
  }
  const { socket } = req;
  // HTTP/1.0 ends a body by closing the connection: only a reset is an error. Only plain TCP sockets can be reset.
  if (req.httpVersion === "1.0" && socket.constructor === Socket && socket.remoteAddress !== undefined) {
    socket.resetAndDestroy();
  }
  res.destroy();
}

function contentLength(values: string[]): number | undefined {
  if (values.length === 0) return undefined;
  const [value] = values as [string];
  if (!/^\d{1,15}$/.test(value) || values.some((other) => other !== value)) {
    throw responseError(
      `of a Content-Length that is no length: ${JSON.stringify(values.join(", ").slice(0, 60))}`,
    );
  }
  return Number(value);
}

function responseError(what: string): ResponseError {
  return new ResponseError(`response of the application is ${what}`);
}
