import type { EventEmitter } from "node:events";
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { inspect } from "node:util";
import { rethrowApart } from "../listen/rethrow.ts";
import { ResponseError } from "../protocol/errors.ts";
import { sendPlainText } from "./plain-text.ts";

/** What failing a request needs of its socket. A `net.Socket`, over plain HTTP, has none of it. */
interface FailingSocket {
  /** Whether the web server's error log is the stderr of this process. */
  readonly sharesStderr: boolean;
  /** Delivers no more of the body. */
  stopDelivery(): void;
  /** Sends an error response in place of that of `res`; cuts that off if its head is written. */
  endWithError(): void;
  /** Writes to the web server's error log. */
  logError(text: string): void;
}

/** Characters of a URL that are logged. */
const MAX_URL_LENGTH = 2048;
/** Codes of errors that are a consequence of the client leaving. */
const DEPARTURES: ReadonlySet<unknown> = new Set([
  "ABORT_ERR",
  "ECONNRESET",
  "ERR_FCGI_ABORTED",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/**
 * Fails a request whose application threw, or whose promise was rejected. Responds with 500, without the message, or
 * cuts the response off if its head is written. Emits `requestError`, or logs the error if that has no listener.
 *
 * Does not throw, even if the application has replaced methods of `res`.
 */
export function failRequest(
  server: EventEmitter | undefined,
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  const socket = failingSocket(req);
  const isHeard = server !== undefined && server.listenerCount("requestError") > 0;
  // First, because FCGI_STDERR has to be sent before the end of the request.
  if (!isHeard || isHeadError(error)) logFailure(server, error, req, res, isHeard);
  socket?.stopDelivery();
  try {
    respond(req, res, socket);
  } catch {
    // A method of `res` that the application has replaced threw.
    if (res.writableEnded) return;
    if (socket !== undefined) socket.endWithError();
    else req.socket.destroy();
  } finally {
    if (isHeard) emitApart(server, "requestError", error, req, res);
  }
}

function respond(req: IncomingMessage, res: ServerResponse, socket: FailingSocket | undefined): void {
  // Ignores `write after end` of an application that goes on: its error is reported already.
  res.on("error", ignore);
  if (res.writableEnded) return;
  // A response without its socket would buffer what is written to it.
  if (socket !== undefined && (res.headersSent || res.socket !== req.socket)) {
    socket.endWithError();
    return;
  }
  if (res.headersSent) {
    res.destroy();
    return;
  }
  // Fields such as Content-Length or Set-Cookie do not belong to the error response.
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  res.statusMessage = STATUS_CODES[500]!;
  sendPlainText(res, 500, "Internal Server Error\n");
}

/** Writes an error to the web server's error log and, if the event has no listener, to stderr of the process. */
function logFailure(
  server: EventEmitter | undefined,
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  isHeard: boolean,
): void {
  if (isSilent(server) || (res.closed && isDeparture(error))) return;
  const text = describeError(error);
  const socket = failingSocket(req);
  if (!isHeard && !socket?.sharesStderr) logProcessError(text);
  if (socket?.sharesStderr) socket.logError(`${text}\n`);
  else socket?.logError(`${describeRequest(req)}: ${text}\n`);
}

/** Writes an error to the web server's error log if it is about a malformed CGI response head. */
export function logHeadError(server: EventEmitter | undefined, error: unknown, req: IncomingMessage): void {
  if (isHeadError(error) && !isSilent(server)) {
    failingSocket(req)?.logError(`${describeRequest(req)}: ${describeError(error)}\n`);
  }
}

/** Writes an error to stderr of the process; `console.error()` ignores errors of a closed stderr. */
export function logProcessError(text: string): void {
  try {
    console.error("%s", text);
  } catch {
    // The application has replaced console.error().
  }
}

/**
 * Emits an event that belongs to no request. An exception of a listener is rethrown in a tick of its own: it becomes an
 * `uncaughtException` and does not interrupt the caller.
 *
 * @returns whether there are listeners, and none threw
 */
export function emitApart(emitter: EventEmitter, event: string, ...args: unknown[]): boolean {
  try {
    return emitter.emit(event, ...args);
  } catch (error) {
    rethrowApart(error);
    return false;
  }
}

/** Returns whether `logErrors`, a property of the server, is off. */
function isSilent(server: EventEmitter | undefined): boolean {
  return server !== undefined && "logErrors" in server && server.logErrors === false;
}

/** Describes what was thrown: stack and causes. */
export function describeError(error: unknown): string {
  // The stack would be that of our parser.
  if (isHeadError(error)) return error.message;
  try {
    return inspect(error);
  } catch {
    return "an error that cannot be shown";
  }
}

/** Returns method and URL, with control characters escaped, because the client chooses the URL. */
function describeRequest({ method, url = "" }: IncomingMessage): string {
  return `${method} ${JSON.stringify(url.slice(0, MAX_URL_LENGTH)).slice(1, -1)}`;
}

function failingSocket(req: IncomingMessage): FailingSocket | undefined {
  const socket: object | null = req.socket;
  return socket !== null && "stopDelivery" in socket ? (socket as unknown as FailingSocket) : undefined;
}

function isHeadError(error: unknown): error is ResponseError {
  return error instanceof ResponseError;
}

function isDeparture(error: unknown): boolean {
  return error instanceof Error && "code" in error && DEPARTURES.has(error.code);
}

function ignore(): void {}
