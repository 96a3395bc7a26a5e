/** The server that the fuzzer attacks, in a process of its own. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { CGIFunction } from "../../src/index.ts";
import { WatchedServer } from "../../src/server/watched-server.ts";
import { Accounts } from "./accounts.ts";

/** The state of the process. */
export interface FuzzedState {
  readonly heap: number;
  readonly rss: number;
  /** Bytes in Buffers. */
  readonly buffers: number;
  readonly connections: number;
  /** Requests whose `req` or `res` has not closed. */
  readonly requests: number;
  /** Bytes that wait in the sockets. */
  readonly queued: number;
}

/** What the process sends. */
export type FuzzedMessage =
  | { readonly port: number }
  | { readonly state: FuzzedState }
  /** A problem of a closed connection, and its remote port. */
  | { readonly problem: string; readonly peerPort: number };

const MAX_OUTPUT_LENGTH = 65_536;

async function application(req: IncomingMessage, res: ServerResponse): Promise<void> {
  accounts.add(req, res);
  // A framework must be able to read all of these.
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
    case "/on":
      req.on("error", () => {});
      req.on("data", () => res.writableEnded || res.end("accepted"));
      break;
    case "/hang":
      // A client may wait for the response after it has ended its side.
      setTimeout(() => res.end("late"), 300);
      break;
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

const filter: CGIFunction = async ({ env, stdin, data }) => {
  const lengths: number[] = [];
  for (const [name, stream] of [
    ["data", data],
    ["stdin", stdin],
  ] as const) {
    if (env.REQUEST_URI === `/${name}` || env.REQUEST_URI === "/both")
      lengths.push((await text(stream)).length);
  }
  return lengths;
};

const send = (message: FuzzedMessage): void => void process.send?.(message);
const accounts = new Accounts(2 * MAX_OUTPUT_LENGTH + 65_536, (problem, peerPort) =>
  send({ problem, peerPort }),
);
// No listener of other error events: no peer may bring an application down that has none.
const server = new WatchedServer(
  {
    connectionsCheckingInterval: 50,
    lingerTimeout: 100,
    beginTimeout: 2000,
    maxOutputLength: MAX_OUTPUT_LENGTH,
    roles: { filter },
  },
  application,
  (connection) => accounts.open(connection),
);
// Expected: exceptions thrown above, and errors of aborted requests.
const expected = new Set(["before the head", "after the head", "aborted"]);
server.on("requestError", (error: Error) => {
  if (!expected.has(error.message)) console.error(error);
});
server.listen(0, "127.0.0.1", () => send({ port: (server.address() as AddressInfo).port }));
process.on("message", () => {
  globalThis.gc?.();
  const { heapUsed, rss, arrayBuffers } = process.memoryUsage();
  const { connections, requests, queued } = accounts;
  send({ state: { heap: heapUsed, rss, buffers: arrayBuffers, connections, requests, queued } });
});
process.on("disconnect", () => process.exit());
