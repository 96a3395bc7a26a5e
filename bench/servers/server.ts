/**
 * A server process: `server.js <kind> <application> <socket path, or "tcp">`.
 *
 * The kinds differ in the server only; the application's code is the same.
 */
import { createServer as createHTTPServer, type RequestListener } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { applications, held } from "./applications.ts";
import { createFloor } from "./floor.ts";
import type { Listening, ServerCommand, ServerMemory } from "./messages.ts";

const [kind = "", name = "", target = ""] = process.argv.slice(2);

async function createServer(): Promise<Server> {
  if (kind === "floor") return createFloor(name);
  const application = await applications[name]!();
  switch (kind) {
    case "ours": {
      const library: { createServer(app: RequestListener): Server } = await import(
        process.env.BENCH_LIBRARY ?? ""
      );
      return library.createServer(application);
    }
    case "node:http":
      return createHTTPServer(application);
    case "node-fastcgi": {
      // @ts-expect-error: the package has no types
      const library = await import("node-fastcgi");
      return library.default.createServer(application);
    }
    default:
      throw new Error(`unknown kind of server: ${kind}`);
  }
}

function memory(): ServerMemory {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  collect();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { residentBytes: rss, usedBytes: heapUsed + external };
}

function obey(command: ServerCommand): unknown {
  if (command === "memory") return memory();
  if (command === "held") return held.size;
  for (const res of held) res.end();
  held.clear();
  return undefined;
}

const server = await createServer();
const listenTarget = target === "tcp" ? { port: 0, host: "127.0.0.1" } : { path: target };
server.listen({ ...listenTarget, backlog: 4096 }, () => {
  const address = server.address();
  const { port } = address as AddressInfo;
  const message: Listening = {
    address: typeof address === "string" ? { path: address } : { host: "127.0.0.1", port },
  };
  process.send?.(message);
});
process.on("message", ({ id, command }: { id: number; command: ServerCommand }) => {
  process.send?.({ id, result: obey(command) });
});
// Either ends the process in an orderly way, so that --cpu-prof writes its file.
process.on("disconnect", () => process.exit());
process.on("SIGTERM", () => process.exit());
