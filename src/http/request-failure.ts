import type { EventEmitter } from "node:events";
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { inspect } from "node:util";
import { ResponseError } from "../protocol/errors.ts";

/** What a request that fails asks of its socket; a `net.Socket`, over plain HTTP, has none of it. */
interface FailingSocket {
  /** Whether the web server's error log is the stderr of this process. */
  readonly sharesStderr: boolean;
  /** Delivers no more of the body. */
  stopDelivery(): void;
  /** Sends an error response in the place of `res`; cuts the response off if its head is written. */
  endWithError(): void;
  /** Writes to the web server's error log. */
  logError(text: string): void;
}

/** Longest part of a URL that goes into a log, in characters. */
const MAX_URL_LENGTH = 2048;
/** Codes of the errors that an application meets when the client leaves. */
const DEPARTURES: ReadonlySet<unknown> = new Set([
  "ABORT_ERR",
  "ECONNRESET",
  "ERR_FCGI_ABORTED",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/**
 * Fails a request whose application threw or rejected: 500 without the message while no head is written, else a
 * response that does not look complete. The error goes to `requestError`, or to the logs if nobody listens.
 *
 * It does not throw, whatever the application has put in the place of the methods of `res`.
 */
export function failRequest(
  server: EventEmitter | undefined,
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  const socket = failingSocket(req);
  const isHeard = server !== undefined && server.listenerCount("requestError") > 0;
  // FCGI_STDERR has to leave before the end of the request.
  if (!isHeard || isHeadError(error)) logFailure(server, error, req, res, isHeard);
  socket?.stopDelivery();
  try {
    respond(req, res, socket);
  } catch {
    // A method that the application replaced threw.
    if (res.writableEnded) return;
    if (socket !== undefined) socket.endWithError();
    else req.socket.destroy();
  } finally {
    if (isHeard) emitApart(server, "requestError", error, req, res);
  }
}

function respond(req: IncomingMessage, res: ServerResponse, socket: FailingSocket | undefined): void {
  // What the application still writes comes after the end: its error is told already.
  res.on("error", ignore);
  if (res.writableEnded) return;
  // A response that has lost its socket would keep to itself what is written to it.
  if (socket !== undefined && (res.headersSent || res.socket !== req.socket)) {
    socket.endWithError();
    return;
  }
  if (res.headersSent) {
    res.destroy();
    return;
  }
  // What the application had set is not for the error page.
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  res.statusCode = 500;
  res.statusMessage = STATUS_CODES[500]!;
  res.setHeader("Content-Type", "text/plain; charset=utf-8");
  res.end("Internal Server Error\n");
}

/** Writes an error to the stderr of the process and, unless the event says it, to the web server's error log. */
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

/** Writes to the web server's error log that the head of a CGI response is malformed. */
export function logHeadError(server: EventEmitter | undefined, error: unknown, req: IncomingMessage): void {
  if (isHeadError(error) && !isSilent(server)) {
    failingSocket(req)?.logError(`${describeRequest(req)}: ${describeError(error)}\n`);
  }
}

/**
 * Writes to the stderr of the process, as an error that nobody hears does.
 *
 * `console.error()` swallows the errors of a stderr that is closed.
 */
export function logProcessError(text: string): void {
  try {
    console.error("%s", text);
  } catch {
    // The application has replaced it.
  }
}

/**
 * Emits an event that belongs to no request. What a listener throws is thrown again apart from the caller, and so
 * reaches `uncaughtException` without a connection being left half way.
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

/** Throws an error of the caller's code, which belongs to no request, where it interrupts nothing. */
export function rethrowApart(error: unknown): void {
  process.nextTick(rethrow, error);
}

/** The option `logErrors`, which is a property of the server, too. */
function isSilent(server: EventEmitter | undefined): boolean {
  return server !== undefined && "logErrors" in server && server.logErrors === false;
}

/** Describes what was thrown: the stack, and the causes. */
export function describeError(error: unknown): string {
  // The stack would be that of the parser of the head.
  if (isHeadError(error)) return error.message;
  try {
    return inspect(error);
  } catch {
    return "an error that cannot be shown";
  }
}

/** Method and URL, without control characters: the URL is the client's word. */
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

function rethrow(error: unknown): void {
  throw error;
}

function ignore(): void {}
