import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { makeFolder } from "../support/folders.ts";
import { findFreePort, waitForListener } from "../support/ports.ts";
import { apacheFrame, nginxTemporaryPaths } from "./web-servers.ts";

/** A web server with a configuration written for one test. */
export interface Configured {
  readonly folder: string;
  readonly port: number;
  log(): string;
}

/** Starts a program that listens on `port`, and stops it with the test. */
export async function startProgram(
  t: TestContext,
  port: number,
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ child: ChildProcess; log(): string }> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const exited = once(child, "exit").then(() => {});
  t.after(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  try {
    await waitForListener(port, exited, 15_000);
  } catch (error) {
    throw new Error(`${command} did not start: ${output || String(error)}`);
  }
  return { child, log: () => output };
}

/** Starts Apache, lighttpd or nginx with a configuration; `config` gets its folder and port. */
export async function startConfigured(
  t: TestContext,
  name: "apache" | "lighttpd" | "nginx" | "h2o",
  config: (place: { folder: string; port: number }) => string,
): Promise<Configured> {
  const folder = makeFolder(t);
  const port = await findFreePort();
  fs.mkdirSync(path.join(folder, "www"));
  fs.writeFileSync(path.join(folder, "www", "index.html"), "a file\n");
  const file = path.join(folder, "server.conf");
  fs.writeFileSync(
    file,
    heads[name](folder, port) + config({ folder, port }) + (name === "nginx" ? "}" : ""),
  );
  const [command, args] = commands[name](folder, file);
  const { log } = await startProgram(t, port, command, args);
  const errorLog = path.join(folder, "error.log");
  return {
    folder,
    port,
    log: () => log() + (fs.existsSync(errorLog) ? fs.readFileSync(errorLog, "utf8") : ""),
  };
}

const commands = {
  apache: (_folder: string, file: string) => ["apache2", ["-f", file, "-DFOREGROUND"]] as const,
  lighttpd: (_folder: string, file: string) => ["lighttpd", ["-D", "-f", file]] as const,
  nginx: (folder: string, file: string) => ["nginx", ["-e", "stderr", "-p", folder, "-c", file]] as const,
  h2o: (_folder: string, file: string) => ["h2o", ["-m", "worker", "-c", file]] as const,
};

const isRoot = process.getuid?.() === 0;

const apacheModules =
  "mpm_event authn_core authz_core authz_user auth_basic authnz_fcgi env alias mime dir cgid fcgid".split(
    " ",
  );

const heads = {
  apache: (folder: string, port: number) => `
    ${apacheFrame({ folder, port, isRoot }, apacheModules)}
    ScriptSock "${folder}/cgid.sock"
    DocumentRoot "${folder}/www"
    DirectoryIndex index.html
    <Directory "/">
      Require all granted
    </Directory>
  `,
  lighttpd: (folder: string, port: number) => `
    server.document-root = "${folder}/www"
    server.bind = "127.0.0.1"
    server.port = ${port}
    server.pid-file = "${folder}/lighttpd.pid"
    server.errorlog = "${folder}/error.log"
    server.upload-dirs = ( "${folder}" )
    index-file.names = ( "index.html" )
  `,
  nginx: (folder: string) => `
    ${isRoot ? "user root;" : ""}
    daemon off;
    worker_processes 1;
    pid ${folder}/nginx.pid;
    error_log stderr;
    events {}
    http {
      access_log off;
      ${nginxTemporaryPaths(folder)}
  `,
  h2o: (folder: string) => `error-log: ${folder}/error.log\n${isRoot ? "user: www-data\n" : ""}`,
};

/** Writes an executable that runs a TypeScript file of the repository, as web servers start programs. */
export function writeProgram(folder: string, program: string): string {
  const script = path.join(folder, "app.sh");
  const file = fileURLToPath(new URL(`../../${program}`, import.meta.url));
  // Examples import the package by its name, which tsconfig.json maps to src/.
  const tsconfig = fileURLToPath(new URL("../../tsconfig.json", import.meta.url));
  const words = ["env", `TSX_TSCONFIG_PATH=${tsconfig}`];
  words.push(process.execPath, "--import", import.meta.resolve("tsx"), file);
  fs.writeFileSync(script, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")}\n`);
  fs.chmodSync(script, 0o755);
  return script;
}
