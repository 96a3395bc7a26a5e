import type { OutgoingHttpHeader, ServerResponse } from "node:http";
import { Readable } from "node:stream";

/** What can be sent as a body. Other objects are sent as JSON. */
export type CGIBody =
  | string
  | Uint8Array
  | Readable
  | AsyncIterable<string | Uint8Array>
  | Response
  | object
  | null
  | undefined;

/** The head that goes with a {@link CGIBody}. */
export interface SendOptions {
  /**
   * An integer from 200 to 599. Beside a `Response` it stands in for the status of that.
   * @defaultValue 200, or the status of the `Response`
   */
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, OutgoingHttpHeader>> | Headers | undefined;
  /**
   * Content-Type.
   * @defaultValue `text/html; charset=utf-8` for a string, `application/json` for an object, that of a `Response`,
   *   else `application/octet-stream`
   */
  readonly type?: string | undefined;
}

/** Whether a value that a function returns is meant as a body; a timer, for instance, is not. */
export function isBody(value: unknown): value is CGIBody {
  if (typeof value === "string") return true;
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof Uint8Array || value instanceof Response || isIterable(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

/**
 * Checks a status before anything is sent. A value that node:http would round, or read as a number, is refused:
 * nobody should have to know what becomes of it.
 *
 * @param least lowest status allowed: 200, or 300 where a success would let a request pass
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
 * Sends a complete answer. Resolves when all is handed over, or the browser has left; rejects with what the
 * source of a stream threw.
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

/** The head goes out with the first piece: a source that fails at once still becomes a clean 500. */
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
    // The browser has left: that the source was cut off is no error.
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

/** Several Set-Cookie stay several. */
function setField(res: ServerResponse, name: string, value: OutgoingHttpHeader): void {
  if (name.toLowerCase() === "set-cookie" && !Array.isArray(value)) res.appendHeader(name, String(value));
  else res.setHeader(name, value);
}

function isIterable(body: object): body is AsyncIterable<unknown> {
  return Symbol.asyncIterator in body;
}
