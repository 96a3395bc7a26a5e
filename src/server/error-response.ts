import { type Server, STATUS_CODES } from "node:http";
import type { HeadProblem, RequestHead } from "../cgi/request-head.ts";
import { FaultSocket } from "../http/fault-socket.ts";
import { emitApart } from "../http/request-failure.ts";
import type { RequestTransport } from "../http/request-transport.ts";
import { LimitError, ProtocolError } from "../protocol/errors.ts";

/** Answers a request that no application sees, with a message for the operator. */
export function refuse(
  server: Server,
  request: RequestTransport,
  head: RequestHead,
  problem: HeadProblem,
): FaultSocket {
  const { statusCode, message } = problem;
  const body = `${message}\n`;
  return new FaultSocket(server, request, head, statusCode).end(
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/**
 * Answers a request that cannot be given to an application, as node:http does with one that it cannot parse:
 * `clientError` listeners write the response; without one it is a status without a body.
 *
 * @param name of the request, for the message of the error
 */
export function reject(
  server: Server,
  request: RequestTransport,
  head: RequestHead,
  problem: HeadProblem,
  name = "request",
): void {
  const { statusCode, message } = problem;
  const ErrorClass = statusCode === 431 ? LimitError : ProtocolError;
  const error = new ErrorClass(`${name}: ${message}`);
  // 500: the web server's configuration is at fault, not the client.
  const socket =
    statusCode === 500
      ? refuse(server, request, head, problem)
      : new FaultSocket(server, request, head, statusCode);
  if (emitApart(server, "clientError", error, socket)) socket.awaitListener();
  else socket.respond();
}
