import { type ChildProcess, execFileSync, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

/** Where a server listens. */
export type Address = { path: string } | { host: string; port: number };

/** Where the compiled servers, the load generator and the peers' binaries are. */
export const CACHE: string = fileURLToPath(
  new URL("../node_modules/.cache/serve-fastcgi-bench", import.meta.url),
);

/** Where an older build of the library is, to be compared with. */
export const AGAINST_FOLDER: string = `${CACHE}/against`;

/** The core of the server under test. */
export const SERVER_CORE = 0;
/** The core of everything else: load generator, wrk, nginx, Caddy. */
export const LOAD_CORE = 1;

const canPin = availableParallelism() > 1 && hasCommand("taskset");

/** Whether servers and load generator have a core each. */
export function isPinned(): boolean {
  return canPin;
}

/** Whether a program can be started here. */
export function hasCommand(name: string): boolean {
  if (name.includes("/")) return existsSync(name);
  // Debian keeps daemons in sbin, which is not on everybody's path.
  return searchPath().some((folder) => existsSync(`${folder}/${name}`));
}

/** The full path of a program, or its name if it is nowhere. */
export function commandPath(name: string): string {
  const folder = searchPath().find((candidate) => existsSync(`${candidate}/${name}`));
  return folder === undefined ? name : `${folder}/${name}`;
}

function searchPath(): string[] {
  return [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
}

/** Starts a program on a core of its own, if there is one to spare. */
export function spawnPinned(
  core: number,
  command: string,
  args: readonly string[],
  stdio: StdioOptions,
  env: NodeJS.ProcessEnv = process.env,
): ChildProcess {
  const line = [commandPath(command), ...args];
  // taskset replaces itself with the program: the pid, and Node's IPC channel, are the program's.
  const whole = canPin ? [commandPath("taskset"), "-c", String(core), ...line] : line;
  return spawn(whole[0]!, whole.slice(1), { stdio, env, serialization: "advanced" });
}

/** Stops a process that {@link spawnPinned} started and waits for its end. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  // A server that does not heed the signal must not hang the benchmark.
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await gone;
  clearTimeout(timer);
}

/**
 * Microseconds of CPU time, user and system, that a process and its children have used.
 *
 * Linux counts them per thread in nanoseconds (`schedstat`); where it does not, `stat` counts in hundredths
 * of a second.
 */
export function cpuMicros(pid: number): number {
  let total = 0;
  for (const id of processTree(pid)) {
    try {
      for (const thread of readdirSync(`/proc/${id}/task`)) total += threadMicros(id, thread);
    } catch {
      // The child ended between the listing and the reading.
    }
  }
  return total;
}

function threadMicros(pid: number, thread: string): number {
  const nanoseconds = Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ")[0]);
  if (nanoseconds > 0) return nanoseconds / 1000;
  const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** The process and everything it started. */
function processTree(pid: number): number[] {
  const found = [pid];
  for (const id of found) {
    try {
      const children = readFileSync(`/proc/${id}/task/${id}/children`, "latin1").trim();
      if (children !== "") found.push(...children.split(" ").map(Number));
    } catch {
      // Without this file in the kernel, a server counts as one process.
    }
  }
  return found;
}

/** Bytes of memory that a process occupies. */
export function memoryOf(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return Number(match?.[1] ?? 0) * 1024;
}

/** Waits until somebody accepts connections at an address. */
export async function whenAccepting(address: Address, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (child.exitCode !== null) throw new Error(`server ended with status ${child.exitCode}`);
    const socket = connect(address);
    const accepted = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (accepted) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nobody accepts connections at ${JSON.stringify(address)}`);
}

/** The version that a program prints first, or undefined if it is not installed. */
export function versionOf(command: string, ...args: string[]): string | undefined {
  if (!hasCommand(command)) return undefined;
  try {
    const line = [commandPath(command), ...args].join(" ");
    const output = execFileSync("sh", ["-c", `${line} 2>&1 || true`], { encoding: "utf8" });
    return /\d+\.\d[\d.]*/.exec(output)?.[0];
  } catch {
    return undefined;
  }
}
