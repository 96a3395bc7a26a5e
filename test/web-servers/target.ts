import { spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { createServer, type FastCGIServer } from "../../src/index.ts";
import { createContractApp, startControl } from "../http-suite/app.ts";
import type { SuiteOptions } from "../http-suite/run.ts";
import type { Address, AppName, RunningTarget, ServerName, Target } from "../http-suite/target.ts";
import { createFolder, removeFolder } from "../support/folders.ts";
import { findFreePort } from "../support/ports.ts";
import type { ExampleName } from "./examples.ts";
import { startWebServer, type WebServer } from "./harness.ts";

/** The part of the suite that depends on how a web server reaches the application; for all but its main variant. */
export const shortSuite: SuiteOptions = { big: false, only: ["transport"] };

/** The same without the cases in which these web servers keep the application waiting, each for seconds. */
export const quickSuite: SuiteOptions = { ...shortSuite, except: ["waits"] };

/** How the application of a target is reached. */
export type Backend = "tcp" | "unix" | "spawned";

/** A web server with one of its examples, as a target of the suite. */
export interface ServerTargetOptions {
  readonly server: ServerName;
  readonly variant?: string;
  readonly app?: AppName;
  readonly backend?: Backend;
  readonly example: ExampleName;
  /** A second example, for the cases over TLS; started as a server of its own in front of the same application. */
  readonly tls?: ExampleName;
  /** Changes the example where the suite cannot do with it as it is. */
  adapt?(text: string): string;
}

/** Describes a web server that is started from its examples. */
export function serverTarget(options: ServerTargetOptions): Target {
  const { server, variant, app = "express5", tls } = options;
  return {
    server,
    app,
    ...(variant && { variant }),
    ...(tls && { tls: true }),
    start: () => startTarget(options),
  };
}

async function startTarget(options: ServerTargetOptions): Promise<RunningTarget> {
  const application = await startApplication(options.app ?? "express5", options.backend ?? "tcp");
  const servers: WebServer[] = [];
  try {
    const front = await startWebServer(options.example, application.places, options.adapt);
    servers.push(front);
    const tls = options.tls && (await startWebServer(options.tls, application.places));
    if (tls) servers.push(tls);
    await application.wake?.(front);
    return {
      host: front.host,
      port: front.port,
      ...(tls && { tls: { host: tls.host, port: tls.port } }),
      control: application.control,
      async close() {
        await Promise.all(servers.map((server) => server.stop()));
        await application.close();
        if (process.env.SERVER_LOG) for (const server of servers) process.stderr.write(server.log());
      },
    };
  } catch (error) {
    for (const server of servers) await server.stop();
    await application.close();
    throw error;
  }
}

/** The application of a target, and where it is reached. */
interface Application {
  readonly places: { app?: number; socket?: string; script?: string };
  readonly control: Address;
  /** For an application that only the first request starts. */
  wake?(front: WebServer): Promise<void>;
  close(): Promise<void>;
}

async function startApplication(app: AppName, backend: Backend): Promise<Application> {
  const folder = createFolder();
  if (backend === "spawned") {
    const control = await findFreePort();
    const script = path.join(folder, "app.js");
    writeSpawnedScript(script, [app, String(control)]);
    return {
      places: { script },
      control: { host: "127.0.0.1", port: control },
      async wake(front) {
        await fetch(`http://${front.host}:${front.port}/`);
      },
      async close() {
        removeFolder(folder);
      },
    };
  }
  const control = await startControl();
  // Short, as some servers send no more of a body whose response they have, and keep the connection.
  const server = createServer({ stdinTimeout: 3000 }, createContractApp(app));
  server.on("requestError", () => {});
  const socket = path.join(folder, "app.sock");
  const port = await listen(server, backend === "unix" ? socket : 0);
  return {
    places: backend === "unix" ? { socket } : { app: port },
    control,
    async close() {
      server.closeAllConnections();
      server.close();
      await control.close();
      removeFolder(folder);
    },
  };
}

/** Listens on a port of loopback (0: a free one) or on a socket that every user may connect to. */
export async function listen(server: FastCGIServer, target: number | string): Promise<number> {
  if (typeof target === "string") server.listen(target);
  else server.listen(target, "127.0.0.1");
  await once(server, "listening");
  // The web servers' workers are another user.
  if (typeof target === "string") fs.chmodSync(target, 0o666);
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

/** Writes the executable that web servers start: spawned.ts with TypeScript understood. */
export function writeSpawnedScript(script: string, args: readonly string[]): void {
  const program = fileURLToPath(new URL("./spawned.ts", import.meta.url));
  const words = [process.execPath, "--import", import.meta.resolve("tsx"), program, ...args];
  fs.writeFileSync(script, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")}\n`);
  fs.chmodSync(script, 0o755);
}

/** The reason to skip the tests of a server; `false` runs them. */
export function skipReason(command: string): string | false {
  // With CI_SERVERS a missing server is a failure.
  if (process.env.CI_SERVERS) return false;
  const found = spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
  return found ? "set CI_SERVERS=1 to run the tests against real web servers" : `${command} is not installed`;
}
