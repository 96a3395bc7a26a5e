import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { memoryUsed } from "../../support/memory.ts";
import { listen } from "../../support/server.ts";
import type { Address } from "../target.ts";
import { forget, inspectionOf } from "./state.ts";

/** A started control listener, for `RunningTarget.control`. */
export interface Control extends Address {
  close(): Promise<void>;
}

/**
 * Starts the control listener: plain HTTP on loopback, beside the application and in its process.
 *
 * @param port the port; a free one by default
 */
export async function startControl(port = 0): Promise<Control> {
  const server = createServer((req, res) => void respond(req, res));
  return {
    host: "127.0.0.1",
    port: await listen(server, port),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function respond(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? "/", "http://control");
  const id = url.searchParams.get("id") ?? "";
  const inspection = inspectionOf(id);
  switch (url.pathname) {
    case "/wait": {
      const gone = new AbortController();
      res.on("close", () => gone.abort());
      const noted = await inspection.noted(url.searchParams.get("event") ?? "", gone.signal).then(
        () => true,
        () => false,
      );
      if (!noted) return;
      break;
    }
    case "/release":
      inspection.release();
      break;
    case "/forget":
      forget(id);
      break;
  }
  res.setHeader("Content-Type", "application/json");
  res.end(
    JSON.stringify({
      events: inspection.events,
      figures: inspection.figures,
      // A collection takes its time: only where it is asked for.
      ...(url.pathname === "/memory" && { memory: memoryUsed() }),
    }),
  );
}
