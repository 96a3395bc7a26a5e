import type { Server } from "node:http";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Closes a server on SIGTERM or SIGINT: it stops listening, running requests finish, then the process ends with
 * status 0. A second signal ends it at once, as if nobody had listened.
 */
export function closeOnSignals(server: Server): void {
  const forget = (): void => {
    for (const signal of SIGNALS) process.removeListener(signal, close);
  };
  const close = (): void => {
    forget();
    // After the listeners of `close`, which may have something to put away.
    server.close(() => setImmediate(() => process.exit()));
  };
  for (const signal of SIGNALS) process.on(signal, close);
  server.once("close", forget);
}
