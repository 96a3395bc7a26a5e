/** The server that the fuzzer attacks, in a process of its own. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { createServer } from "../../src/index.ts";

/** What the process says of itself when it is asked. */
export interface FuzzedState {
  readonly heap: number;
  readonly rss: number;
  readonly connections: number;
}

async function application(req: IncomingMessage, res: ServerResponse): Promise<void> {
  // Everything that a framework would look at must be readable.
  JSON.stringify([req.headers, req.rawHeaders, req.headersDistinct, req.url, req.socket.remoteAddress]);
  const { params, stderr } = req.socket as unknown as { params: object; stderr: NodeJS.WritableStream };
  JSON.stringify(params);
  switch (req.url) {
    case "/read": {
      let length = 0;
      for await (const chunk of req) length += (chunk as Buffer).length;
      res.end(`read ${length}`);
      break;
    }
    case "/stream":
      Readable.from([Buffer.alloc(20_000, "s"), "", Buffer.alloc(70_000, "t")]).pipe(res);
      break;
    case "/throw":
      throw new Error("before the head");
    case "/break":
      res.write("half");
      throw new Error("after the head");
    case "/destroy":
      res.destroy(new Error("destroyed"));
      break;
    case "/late":
      setTimeout(() => res.end("late"), 5);
      break;
    case "/stderr":
      stderr.write("a line\n");
      res.end("logged");
      break;
    default:
      res.end("ok");
  }
}

// No listener of any error event: no peer may bring an application down that has none.
const server = createServer(
  { connectionsCheckingInterval: 50, lingerTimeout: 100, beginTimeout: 2000 },
  application,
);
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("message", () => {
  server.getConnections((_error, connections) => {
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    process.send?.({ heap: heapUsed, rss, connections });
  });
});
process.on("disconnect", () => process.exit());
