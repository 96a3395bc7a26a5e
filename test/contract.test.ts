import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { test } from "node:test";
import { overFastCGI } from "../src/client/index.ts";
import { createContractApp, startControl } from "./http-suite/app.ts";
import { checkDifferences, runSuite } from "./http-suite/run.ts";
import type { AppName, RunningTarget } from "./http-suite/target.ts";
import { listen } from "./support/server.ts";

const apps: readonly AppName[] = ["plain", "express5", "express4", "connect"];

/** Puts a server, and the control listener beside it, on free ports. */
async function start(server: Server): Promise<RunningTarget> {
  const control = await startControl();
  return {
    host: "127.0.0.1",
    port: await listen(server),
    control,
    async close() {
      server.close();
      server.closeAllConnections();
      await Promise.all([once(server, "close"), control.close()]);
    },
  };
}

test("the table of differences names cases that there are", checkDifferences);

for (const app of apps) {
  runSuite(
    { server: "node:http", app, start: () => start(createServer(createContractApp(app))) },
    // Bytes are bytes in every framework: one application is enough for the cases that take seconds.
    { big: app === "plain" },
  );
  runSuite(
    { server: "gateway", app, start: () => start(overFastCGI(createContractApp(app))) },
    { big: app === "plain" },
  );
}
