import type { Server } from "node:http";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Closes a server on SIGTERM or SIGINT: it stops listening, finishes open requests, then the process exits with
 * status 0. A second signal has its default effect: it ends the process at once.
 */
export function closeOnSignals(server: Server): void {
  const removeListeners = (): void => {
    for (const signal of SIGNALS) process.removeListener(signal, close);
  };
  const close = (): void => {
    removeListeners();
    // setImmediate() lets other listeners of `close` clean up first.
    server.close(() => setImmediate(() => process.exit()));
  };
  for (const signal of SIGNALS) process.on(signal, close);
  server.once("close", removeListeners);
}
