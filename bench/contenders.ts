import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NodeProcess } from "./node-process.ts";
import { options } from "./options.ts";
import {
  type Address,
  AGAINST_FOLDER,
  CACHE,
  commandPath,
  hasCommand,
  SERVER_CORE,
  spawnPinned,
  stop,
  whenAccepting,
} from "./processes.ts";
import type { Listening, ServerCommand } from "./servers/messages.ts";

/** A server that runs. */
export interface RunningServer {
  readonly address: Address;
  readonly pid: number;
  /** Sends a command to a server of ours. */
  call<Result>(command: ServerCommand): Promise<Result>;
  stop(): Promise<void>;
}

/** A server that can be compared with others. */
export interface Contender {
  readonly name: string;
  readonly protocol: "fastcgi" | "http";
  /** Whether it serves one connection at a time: others would wait for ever. */
  readonly isSingle?: boolean;
  /** Whether it closes each connection, wanted or not. */
  readonly closes?: boolean;
  /** Further params that it needs. */
  readonly params?: readonly (readonly [string, string])[];
  isInstalled(): boolean;
  start(options: StartOptions): Promise<RunningServer>;
}

export interface StartOptions {
  readonly application: string;
  readonly transport: "unix" | "tcp";
  /** Folder for sockets and configurations. */
  readonly folder: string;
  readonly nodeArgs?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

let lastSocket = 0;

/** A new socket path in a folder. */
export function socketPath(folder: string): string {
  return join(folder, `${++lastSocket}.sock`);
}

function nodeContender(
  kind: string,
  protocol: "fastcgi" | "http",
  name: string = kind,
  library: string = libraryPath(),
): Contender {
  return {
    name,
    protocol,
    isInstalled: () => kind !== "ours" || existsSync(library),
    async start({ application, transport, folder, nodeArgs = [], env = {} }) {
      const target = transport === "tcp" ? "tcp" : socketPath(folder);
      const script = join(CACHE, "bench/servers/server.js");
      const server = new NodeProcess<ServerCommand>(
        SERVER_CORE,
        [...nodeArgs, script, kind, application, target],
        { BENCH_LIBRARY: library, ...env },
      );
      const { address } = await server.firstMessage<Listening>();
      return {
        address,
        pid: server.pid,
        call: <Result>(command: ServerCommand): Promise<Result> => server.call<Result>(command),
        stop: () => server.stop(),
      };
    },
  };
}

/** The compiled library: another build can be named in BENCH_LIBRARY. */
export function libraryPath(): string {
  return process.env.BENCH_LIBRARY ?? join(CACHE, "src/index.js");
}

export const ours: Contender = nodeContender("ours", "fastcgi", "serve-fastcgi");
export const nodeHTTP: Contender = nodeContender("node:http", "http");
export const nodeFastCGI: Contender = { ...nodeContender("node-fastcgi", "fastcgi"), closes: true };
export const floor: Contender = nodeContender("floor", "fastcgi", "bare net server (floor)");

/** The library as it was at the commit that `--against` names. */
const against: Contender = nodeContender(
  "ours",
  "fastcgi",
  `serve-fastcgi, ${options.against}`,
  join(AGAINST_FOLDER, "dist/index.js"),
);

/** The two that every case compares. */
export const pair: readonly Contender[] =
  options.against === undefined ? [ours, nodeHTTP] : [ours, against, nodeHTTP];

function peerFile(name: string): string {
  return fileURLToPath(new URL(`peers/${name}`, import.meta.url));
}

/** Compiles a server unless its binary is newer than its source. */
function build(source: string, binary: string, command: (output: string) => string[]): string {
  const output = join(CACHE, binary);
  if (!existsSync(output) || statSync(output).mtimeMs < statSync(peerFile(source)).mtimeMs) {
    const [program = "", ...args] = command(output);
    execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  }
  return output;
}

async function startPeer(command: string, args: readonly string[], address: Address): Promise<RunningServer> {
  const child: ChildProcess = spawnPinned(SERVER_CORE, command, args, ["ignore", "ignore", "ignore"]);
  await whenAccepting(address, child);
  return {
    address,
    pid: child.pid!,
    call: () => Promise.reject(new Error("a peer obeys no commands")),
    stop: () => stop(child),
  };
}

function goContender(protocol: "fastcgi" | "http", name: string): Contender {
  return {
    name,
    protocol,
    isInstalled: () => hasCommand("go"),
    start({ folder }) {
      const binary = build("hello.go", "hello-go", (output) => [
        "go",
        "build",
        "-o",
        output,
        peerFile("hello.go"),
      ]);
      const path = socketPath(folder);
      return startPeer(binary, [protocol, path], { path });
    },
  };
}

const libfcgi: Contender = {
  name: "libfcgi (C, one connection at a time)",
  protocol: "fastcgi",
  isSingle: true,
  isInstalled: () => hasCommand("cc") && existsSync("/usr/include/fcgiapp.h"),
  start({ folder }) {
    const binary = build("hello.c", "hello-c", (output) => [
      "cc",
      "-O2",
      "-o",
      output,
      peerFile("hello.c"),
      "-lfcgi",
    ]);
    const path = socketPath(folder);
    return startPeer(binary, [path], { path });
  },
};

const PHP_FPM = ["php-fpm", "php-fpm8.4", "php-fpm8.3", "php-fpm8.2", "php-fpm8.1"].find(hasCommand);

const phpFPM: Contender = {
  name: "php-fpm",
  protocol: "fastcgi",
  params: [["SCRIPT_FILENAME", peerFile("hello.php")]],
  isInstalled: () => PHP_FPM !== undefined,
  start({ folder }) {
    const path = socketPath(folder);
    const configuration = `${path}.conf`;
    // As many workers as connections: each keeps the connection it has.
    writeFileSync(
      configuration,
      `[global]
error_log = ${path}.log
daemonize = no
[www]
user = ${process.env.USER ?? "root"}
listen = ${path}
listen.backlog = 4096
pm = static
pm.max_children = 32
`,
    );
    const root = process.getuid?.() === 0 ? ["--allow-to-run-as-root"] : [];
    return startPeer(commandPath(PHP_FPM!), ["--fpm-config", configuration, ...root], { path });
  },
};

/** Servers of other projects. They run the hello world only. */
export const peers: readonly Contender[] = [
  goContender("http", "Go net/http (HTTP)"),
  goContender("fastcgi", "Go net/http/fcgi"),
  libfcgi,
  phpFPM,
  nodeFastCGI,
];
