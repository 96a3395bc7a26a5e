// Listens on a unix socket at a given instant, together with others, as often as it is told to.
import { createServer } from "../../src/index.ts";

/** Listen on `path` at `instant` (milliseconds of the clock); or, without it, stop listening. */
export interface Order {
  readonly path: string;
  readonly instant?: number;
}

/** What came of it. */
export interface Outcome {
  readonly isListening: boolean;
  readonly code?: string;
  readonly message?: string;
}

const tell = (outcome: Outcome): void => void process.send?.(outcome);
let server = createServer();

process.on("message", ({ path, instant }: Order) => {
  if (instant === undefined) {
    if (!server.listening) return tell({ isListening: false });
    server.close(() => tell({ isListening: false }));
    server.closeAllConnections();
    return;
  }
  while (Date.now() < instant);
  server = createServer((_req, res) => res.end(String(process.pid)));
  server.on("error", ({ code = "", message }: NodeJS.ErrnoException) => {
    tell({ isListening: false, code, message });
  });
  server.listen(path, () => tell({ isListening: true }));
});
tell({ isListening: false });
