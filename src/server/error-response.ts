import type { Server } from "node:http";
import type { HeadProblem, RequestHead } from "../cgi/request-head.ts";
import { FaultSocket } from "../http/fault-socket.ts";
import { plainTextResponse } from "../http/plain-text.ts";
import { emitApart } from "../http/request-failure.ts";
import type { RequestTransport } from "../http/request-transport.ts";
import { headerOverflowError } from "../http/socket-errors.ts";
import { ProtocolError } from "../protocol/errors.ts";

/** Responds to a request that is not passed to the application, with a message for the operator. */
export function sendErrorResponse(
  server: Server,
  request: RequestTransport,
  head: RequestHead,
  problem: HeadProblem,
): FaultSocket {
  const { statusCode, message } = problem;
  return new FaultSocket(server, request, head, statusCode).end(
    plainTextResponse(statusCode, `${message}\n`),
  );
}

/**
 * Rejects a request that cannot be passed to the application, as node:http does if it cannot parse one: `clientError`
 * listeners write the response; without a listener it is a status without a body.
 *
 * @param name of the request, for the message of the error
 */
export function rejectRequest(
  server: Server,
  request: RequestTransport,
  head: RequestHead,
  problem: HeadProblem,
  name = "request",
): void {
  const { statusCode, message } = problem;
  const details = `${name}: ${message}`;
  const error = statusCode === 431 ? headerOverflowError(details) : new ProtocolError(details);
  // 500 is due to the configuration of the web server, not to the client: its operator needs the message.
  const socket =
    statusCode === 500
      ? sendErrorResponse(server, request, head, problem)
      : new FaultSocket(server, request, head, statusCode);
  if (emitApart(server, "clientError", error, socket)) socket.awaitListener();
  else socket.respond();
}
