/** The application of the soak test, in a process of its own; it tells its state when asked over IPC. */
import { readdirSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { createServer } from "../../src/index.ts";

/** What the process holds; lengths are bytes. */
export interface State {
  readonly rss: number;
  readonly heap: number;
  readonly buffers: number;
  readonly descriptors: number;
  readonly connections: number;
  /** Requests that the application has seen. */
  readonly requests: number;
  /** Requests whose `close` has not come. */
  readonly open: number;
  /** Timers, sockets and the like that Node.js keeps account of. */
  readonly resources: number;
  readonly clientErrors: number;
  readonly requestErrors: number;
}

const PIECE = Buffer.alloc(16_384, "x");
const counters = { requests: 0, open: 0, clientErrors: 0, requestErrors: 0 };

async function application(req: IncomingMessage, res: ServerResponse): Promise<void> {
  counters.requests++;
  counters.open++;
  res.once("close", () => counters.open--);
  switch (req.url) {
    case "/large":
      Readable.from(pieces(16)).pipe(res);
      return;
    case "/upload": {
      let length = 0;
      for await (const chunk of req) length += (chunk as Buffer).length;
      res.end(String(length));
      return;
    }
    case "/slow":
      await delay(20);
      res.end("late");
      return;
    case "/hang":
      res.write("begun");
      return;
    case "/throw":
      throw new Error("before the head");
    case "/break":
      res.write("half");
      await delay(1);
      throw new Error("after the head");
    default:
      res.end("hello");
  }
}

function* pieces(count: number): Generator<Buffer> {
  for (let index = 0; index < count; index++) yield PIECE;
}

const server = createServer({ connectionsCheckingInterval: 100, lingerTimeout: 200 }, application);
server.on("clientError", (_error, socket) => {
  counters.clientErrors++;
  socket.destroy();
});
server.on("requestError", () => counters.requestErrors++);
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));

process.on("message", (message) => {
  if (message === "stop") {
    process.disconnect();
    server.close();
    server.closeAllConnections();
  } else {
    server.getConnections((_error, connections) => process.send?.(state(connections)));
  }
});

function state(connections: number): State {
  // Twice: what the first run finalises, the second one frees.
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers, external } = process.memoryUsage();
  return {
    ...counters,
    rss,
    heap: heapUsed,
    buffers: arrayBuffers + external,
    descriptors: readdirSync("/proc/self/fd").length,
    connections,
    resources: process.getActiveResourcesInfo().length,
  };
}
