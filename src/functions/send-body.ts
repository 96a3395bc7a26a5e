import type { OutgoingHttpHeader, ServerResponse } from "node:http";
import { Readable } from "node:stream";

/** A response body. Objects of no other kind are sent as JSON. */
export type CGIBody =
  | string
  | Uint8Array
  | Readable
  | AsyncIterable<string | Uint8Array>
  | Response
  | object
  | null
  | undefined;

/** Options of {@link CGIContext.send}: the head of the response. */
export interface SendOptions {
  /**
   * An integer from 200 to 599. Replaces the status of a `Response`.
   * @defaultValue 200, or the status of the `Response`
   */
  status?: number | undefined;
  /** Header fields. Replace those of a `Response`, but for Set-Cookie, which are added. */
  headers?: Readonly<Record<string, OutgoingHttpHeader>> | Headers | undefined;
  /**
   * Content-Type.
   * @defaultValue `text/html; charset=utf-8` for a string, `application/json` for an object, that of a `Response`,
   *   else `application/octet-stream`
   */
  type?: string | undefined;
}

/** Returns whether a value that a function returned is meant as a body; a timer, for instance, is not. */
export function isBody(value: unknown): value is CGIBody {
  if (typeof value === "string") return true;
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof Uint8Array || value instanceof Response || isIterable(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

/**
 * Checks a status. Unlike node:http, it does not round or convert it.
 *
 * @param least the lowest status that is allowed: 200, or 300 if a success would let a request pass
 * @throws TypeError if it is no integer from `least` to 599
 */
export function checkStatus(status: unknown, least: number): void {
  if (Number.isInteger(status) && (status as number) >= least && (status as number) <= 599) return;
  const value = typeof status === "string" ? JSON.stringify(status) : String(status);
  throw new TypeError(
    least === 200
      ? `status is ${value}: give an integer from 200 to 599`
      : `status of a refusal is ${value}: give an integer from ${least} to 599, or call allow() to let the request pass`,
  );
}

/**
 * Sends a complete response. Resolves when the body is handed over, or the client has left; rejects with the error of a
 * stream.
 *
 * @throws TypeError if the status is no integer from 200 to 599
 */
export async function sendBody(res: ServerResponse, body: CGIBody, options: SendOptions = {}): Promise<void> {
  const { status = body instanceof Response ? body.status : 200, headers, type } = options;
  checkStatus(status, 200);
  res.statusCode = status;
  if (body instanceof Response) copyHead(res, body, status);
  for (const [name, value] of headers instanceof Headers ? headers : Object.entries(headers ?? {})) {
    setField(res, name, value);
  }
  if (type !== undefined) res.setHeader("Content-Type", type);
  if (body instanceof Response) {
    if (body.body === null) res.end();
    else await sendStream(res, Readable.fromWeb(body.body));
    return;
  }
  if (body === null || body === undefined) {
    res.end();
  } else if (typeof body === "string") {
    end(res, Buffer.from(body), "text/html; charset=utf-8");
  } else if (body instanceof Uint8Array) {
    end(res, body, "application/octet-stream");
  } else if (isIterable(body)) {
    setDefault(res, "Content-Type", "application/octet-stream");
    await sendStream(res, body);
  } else {
    end(res, Buffer.from(`${JSON.stringify(body)}\n`), "application/json");
  }
}

function copyHead(res: ServerResponse, response: Response, status: number): void {
  if (response.statusText !== "" && status === response.status) res.statusMessage = response.statusText;
  for (const [name, value] of response.headers) setField(res, name, value);
}

/** Sends the head with the first piece, so that a source that fails before it still results in a 500. */
async function sendStream(res: ServerResponse, body: AsyncIterable<unknown>): Promise<void> {
  const source = body instanceof Readable ? body : Readable.from(body);
  const stop = (): void => void source.destroy();
  res.once("close", stop);
  try {
    for await (const chunk of source) {
      if (res.closed) break;
      if (!res.write(chunk)) await drained(res);
    }
    if (!res.closed) res.end();
  } catch (error) {
    // After the client has left, the source was destroyed here: that is not an error.
    if (!res.closed) throw error;
  } finally {
    res.removeListener("close", stop);
    source.destroy();
  }
}

function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      res.removeListener("drain", done);
      res.removeListener("close", done);
      resolve();
    };
    res.on("drain", done);
    res.on("close", done);
  });
}

function end(res: ServerResponse, body: Uint8Array, type: string): void {
  setDefault(res, "Content-Type", type);
  res.setHeader("Content-Length", body.length);
  res.end(body);
}

function setDefault(res: ServerResponse, name: string, value: string): void {
  if (!res.hasHeader(name)) res.setHeader(name, value);
}

/** Sets a field; Set-Cookie is added to those that are set. */
function setField(res: ServerResponse, name: string, value: OutgoingHttpHeader): void {
  if (name.toLowerCase() === "set-cookie" && !Array.isArray(value)) res.appendHeader(name, String(value));
  else res.setHeader(name, value);
}

function isIterable(body: object): body is AsyncIterable<unknown> {
  return Symbol.asyncIterator in body;
}
