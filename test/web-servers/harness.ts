import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { createFolder, removeFolder } from "../support/folders.ts";
import { findFreePort, waitForListener } from "../support/ports.ts";
import { type ExampleName, examples } from "./examples.ts";
import { type WebServerName, webServers } from "./web-servers.ts";

/** A web server started from a file of examples/. */
export interface WebServer {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** What it wrote to its output and its error log. */
  log(): string;
  stop(): Promise<void>;
}

/** Values for the paths and ports of the examples; `{name}` in examples.ts. */
export interface Places {
  /** Ports of the application: 1234, 1235, 1236 in the examples. */
  readonly app?: number;
  readonly app2?: number;
  readonly app3?: number;
  /** /run/app.sock */
  readonly socket?: string;
  /** /srv/app/app.js */
  readonly script?: string;
}

const running = new Set<ChildProcess>();
// For test runs that are cut off; otherwise `stop()` does it.
process.on("exit", () => {
  for (const child of running) killGroup(child);
});

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody of the group is left.
  }
}

/**
 * Starts a web server with a file of examples/, in which only what examples.ts lists is replaced.
 *
 * @param adapt for the one test that cannot do with that
 */
export async function startWebServer(
  example: ExampleName,
  places: Places,
  adapt: (text: string) => string = (text) => text,
): Promise<WebServer> {
  const folder = createFolder();
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(example, places, folder, adapt);
    } catch (error) {
      // Between finding a free port and listening on it, somebody else may have taken it.
      if (attempt === 3 || !/address already in use|cannot bind|can't bind/i.test(String(error))) throw error;
    }
  }
}

async function start(
  example: ExampleName,
  places: Places,
  folder: string,
  adapt: (text: string) => string,
): Promise<WebServer> {
  const name = example.slice(0, example.indexOf("/")) as WebServerName;
  const { command, args, main, environment } = webServers[name];
  const port = await findFreePort();
  const file = path.join(folder, path.basename(example));
  const all = {
    ...places,
    scriptFolder: path.dirname(places.script ?? folder),
    ...makeCertificate(folder),
    port,
    folder,
  };
  fs.mkdirSync(path.join(folder, "www"), { recursive: true });
  fs.writeFileSync(path.join(folder, "www", "index.html"), "a file\n");
  fs.writeFileSync(file, adapt(replaceIn(example, all)));
  const mainFile = path.join(folder, "main.conf");
  const text = main({
    folder,
    port,
    otherPort: await findFreePort(),
    file,
    isRoot: process.getuid?.() === 0,
  });
  fs.writeFileSync(mainFile, text);

  const child = spawn(command, args({ folder, file, mainFile }), {
    cwd: folder,
    env: { ...process.env, ...environment?.(folder) },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, so that its workers and the applications it spawned can be ended with it.
    detached: true,
  });
  running.add(child);
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const exited = once(child, "exit").then(() => {
    running.delete(child);
  });
  const errorLog = path.join(folder, "error.log");
  const log = () => output + (fs.existsSync(errorLog) ? fs.readFileSync(errorLog, "utf8") : "");
  const stop = async () => {
    if (running.has(child)) child.kill("SIGTERM");
    const force = setTimeout(() => killGroup(child), 10_000);
    await exited;
    clearTimeout(force);
    killGroup(child);
    // A surviving process must not keep the test process alive.
    child.stdout.destroy();
    child.stderr.destroy();
    removeFolder(folder);
  };
  try {
    await waitForListener(port, exited, 15_000);
  } catch (error) {
    const reason = log();
    await stop();
    fs.mkdirSync(folder, { recursive: true });
    throw new Error(`${command} did not start from examples/${example}: ${reason || String(error)}`);
  }
  return { host: "127.0.0.1", port, pid: child.pid ?? assert.fail("no pid"), log, stop };
}

/** Replaces the values of an example. Each must occur in it. */
function replaceIn(
  example: ExampleName,
  places: Readonly<Record<string, string | number | undefined>>,
): string {
  const source = fileURLToPath(new URL(`../../examples/${example}`, import.meta.url));
  let text = fs.readFileSync(source, "utf8");
  for (const [from, to] of Object.entries(
    examples[example] ?? assert.fail(`examples.ts has no ${example}`),
  )) {
    assert.ok(text.includes(from), `examples/${example} no longer contains ${from}`);
    text = text.replaceAll(
      from,
      to.replace(/\{(\w+)\}/g, (_, name: string) => {
        return String(places[name] ?? assert.fail(`${example} needs the place ${name}`));
      }),
    );
  }
  return text;
}

function makeCertificate(folder: string): { cert: string; key: string; both: string } {
  const place = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem`, both: `${folder}/both.pem` };
  if (!fs.existsSync(place.both)) {
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", place.key];
    execFileSync("openssl", ["req", "-x509", "-days", "2", ...key, "-out", place.cert, ...subject], {
      stdio: "ignore",
    });
    fs.writeFileSync(place.both, fs.readFileSync(place.cert, "utf8") + fs.readFileSync(place.key, "utf8"));
    for (const file of Object.values(place)) fs.chmodSync(file, 0o644);
  }
  return place;
}
