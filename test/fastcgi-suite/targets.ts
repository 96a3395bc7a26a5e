import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createFolder, removeFolder } from "../support/folders.ts";
import { findFreePort, waitForListener } from "../support/ports.ts";
import { type Result, type RunOptions, run } from "./runner.ts";
import type { Target } from "./suite.ts";

const apps = fileURLToPath(new URL("apps/", import.meta.url));

/** A contract application of this repository, and how it is started. */
export interface Application {
  readonly name: string;
  /** Version of the server software, or undefined where it is not installed. */
  readonly version: () => string | undefined;
  /** Command line that serves on `port`; `directory` is for what it has to write. */
  readonly command: (port: number, directory: string) => string[];
  readonly params?: readonly (readonly [string, string])[];
  /** Whether the started process serves requests itself, so that its memory can be measured. */
  readonly isSingleProcess: boolean;
}

export const serveFastCGI: Application = {
  name: "serve-fastcgi",
  version: () => "",
  command: (port) => [process.execPath, "--import", "tsx", join(apps, "serve-fastcgi.ts"), String(port)],
  isSingleProcess: true,
};

const nodeFastCGI: Application = {
  name: "node-fastcgi",
  version: () => {
    const url = new URL("../../node_modules/node-fastcgi/package.json", import.meta.url);
    if (!existsSync(url)) return undefined;
    return execFileSync(process.execPath, ["-p", `require(${JSON.stringify(fileURLToPath(url))}).version`])
      .toString()
      .trim();
  },
  command: (port) => [process.execPath, "--import", "tsx", join(apps, "node-fastcgi.ts"), String(port)],
  isSingleProcess: true,
};

const go: Application = {
  name: "Go net/http/fcgi",
  version: () => output("go", ["version"], /go(\d+\.\d+(?:\.\d+)?)/),
  command: (port, directory) => {
    const binary = join(directory, "app");
    if (!existsSync(binary)) {
      const env = {
        ...process.env,
        GO111MODULE: "off",
        GOFLAGS: "",
        GOPROXY: "off",
        GOCACHE: join(directory, "cache"),
      };
      execFileSync("go", ["build", "-o", binary, join(apps, "main.go")], { env });
    }
    return [binary, String(port)];
  },
  isSingleProcess: true,
};

const phpFpm = ["8.4", "8.3", "8.2", "8.1"].map((n) => `/usr/sbin/php-fpm${n}`).find(existsSync);

// What a production php.ini says; the limit of a body is above that of the largest case.
const settings = ["output_buffering=0", "display_errors=0", "log_errors=1", "post_max_size=64M"].flatMap(
  (setting) => ["-d", setting],
);

const php: Application = {
  name: "php-fpm",
  version: () => (phpFpm ? output(phpFpm, ["-v"], /PHP (\d+\.\d+\.\d+)/) : undefined),
  command: (port, directory) => {
    const configuration = join(directory, "fpm.conf");
    writeFileSync(
      configuration,
      `[global]
error_log = ${join(directory, "fpm.log")}
daemonize = no
[www]
listen = 127.0.0.1:${port}
listen.backlog = 511
pm = static
pm.max_children = 60
request_terminate_timeout = 8s
`,
    );
    // php-fpm runs as root only with -R and an explicit user. -n: no php.ini, built-in defaults.
    const root = process.getuid?.() === 0 ? ["-R"] : [];
    const options = root.length > 0 ? "user = root\ngroup = root\n" : "";
    writeFileSync(configuration, options, { flag: "a" });
    return [phpFpm!, ...root, "-n", "-F", "-y", configuration, ...settings];
  },
  params: [["SCRIPT_FILENAME", join(apps, "app.php")]],
  isSingleProcess: false,
};

/** Other implementations, for the comparative table. */
export const peers: readonly Application[] = [php, go, nodeFastCGI];

function output(command: string, args: string[], pattern: RegExp): string | undefined {
  try {
    return pattern.exec(execFileSync(command, args, { stdio: ["ignore", "pipe", "ignore"] }).toString())?.[1];
  } catch {
    return undefined;
  }
}

/** Starts `application` and runs the suite against it. Restarts it when a case ends its process. */
export async function measure(
  application: Application,
  options: RunOptions & { readonly timeoutMs?: number } = {},
): Promise<Result[]> {
  const directory = createFolder();
  const port = await findFreePort();
  const command = application.command(port, directory);
  let child = await start(command, port);
  const target: Target = {
    address: { host: "127.0.0.1", port },
    params: application.params ?? [],
    timeoutMs: options.timeoutMs ?? 2000,
    get pid() {
      return application.isSingleProcess ? child.pid : undefined;
    },
  };
  const restart = async () => {
    await stop(child);
    child = await start(command, port);
  };
  try {
    return await run(target, { ...options, restart });
  } finally {
    await stop(child);
    removeFolder(directory);
  }
}

async function start(command: string[], port: number): Promise<ChildProcess> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "ignore", "ignore"] });
  const end = () => child.kill("SIGTERM");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
  await waitForListener(port, once(child, "exit"), 20_000);
  return child;
}

/** SIGTERM first: on SIGKILL, the workers of php-fpm outlive their master. */
function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill("SIGTERM");
  });
}
