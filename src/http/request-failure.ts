import type { EventEmitter } from "node:events";
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";

/**
 * Answers a request whose listener threw or rejected: 500 without the message while nothing is sent, else an
 * answer that does not look complete. Then tells the server, whose `requestError` needs no listener.
 */
export function failRequest(
  server: EventEmitter | undefined,
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  if (!res.headersSent && !res.writableEnded) {
    // What the application had set is not for the error page.
    for (const name of res.getHeaderNames()) res.removeHeader(name);
    res.statusCode = 500;
    res.statusMessage = STATUS_CODES[500]!;
    res.setHeader("Content-Type", "text/plain; charset=utf-8");
    res.end("Internal Server Error\n");
  } else if (!res.writableEnded) {
    res.destroy();
  }
  server?.emit("requestError", error, req, res);
}

type Listener = (...args: never[]) => unknown;

/**
 * Wraps a `request` listener so that a promise it returns is watched; other listeners are returned as they are.
 *
 * `listeners()` and `removeListener()` see the original, by the `listener` property that EventEmitter uses for
 * `once()`; listeners added with `once()` have it already, and stay as they are.
 */
export function watchListener(server: Server, event: string | symbol, listener: Listener): Listener {
  if (event !== "request" || "listener" in listener) return listener;
  const watched = function (this: Server, req: IncomingMessage, res: ServerResponse): void {
    const result: unknown = (listener as (...args: unknown[]) => unknown).call(this, req, res);
    if (result instanceof Promise) result.catch((error: unknown) => failRequest(server, error, req, res));
  };
  return Object.assign(watched, { listener });
}
