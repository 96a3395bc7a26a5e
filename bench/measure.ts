import { setTimeout as delay } from "node:timers/promises";
import { type Contender, pair, type RunningServer, type StartOptions } from "./contenders.ts";
import type { LoadCommand, LoadResult, LoadTarget, ProbeResult } from "./load/messages.ts";
import type { NodeProcess } from "./node-process.ts";
import { cpuMicros, memoryOf } from "./processes.ts";
import { type BenchRequest, encodeFastCGI, encodeHTTP } from "./requests.ts";
import { type CaseResult, type Measurement, median, type Round } from "./results.ts";

/** How long to measure. */
export interface Plan {
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly roundMs: number;
  /** Requests of the warm-up, so that the code is compiled; and its longest duration. */
  readonly warmupRequests: number;
  readonly warmupMs: number;
}

/** Transfers of a round, one after the other, and of the warm-up, in which some 10,000 pieces compile the code. */
const TRANSFERS = 2;
const WARMUP_TRANSFERS = 8;

/** What the cases measure with. */
export interface Bench {
  readonly plan: Plan;
  readonly load: NodeProcess<LoadCommand>;
  /** Folder for sockets, files and configurations. */
  readonly folder: string;
}

/** A case in which requests are sent straight to the servers. */
export interface RequestCase {
  readonly id: string;
  readonly title: string;
  readonly application: string;
  readonly request: BenchRequest;
  readonly keep?: boolean;
  readonly connections?: number;
  readonly transport?: "unix" | "tcp";
  readonly nodeArgs?: readonly string[];
  /** Fewer rounds than elsewhere, for points of a curve. */
  readonly mostRounds?: number;
  /** Processes of each contender, one after the other: two of the same code can differ by 5 %. */
  readonly generations?: number;
  readonly contenders?: readonly Contender[];
  /** Makes what the application needs in a folder, and the variables that say where it is. */
  readonly prepare?: (folder: string) => NodeJS.ProcessEnv;
  /** Megabytes that a request transfers: the value is then CPU time per megabyte, of a few requests per round. */
  readonly megabytes?: number;
}

/** A server of a case, running. */
export interface Entry {
  readonly contender: Contender;
  readonly server: RunningServer;
  readonly target: LoadTarget;
  readonly rounds: Round[];
}

/** Measures the contenders of a case in turn, round after round. */
export async function measureRequests(bench: Bench, benchCase: RequestCase): Promise<CaseResult> {
  const contenders = (benchCase.contenders ?? pair).filter((contender) => contender.isInstalled());
  const rounds = new Map(contenders.map((contender): [Contender, Round[]] => [contender, []]));
  const generations = bench.plan.isQuick ? 1 : (benchCase.generations ?? 1);
  for (let generation = 0; generation < generations; generation++) {
    const entries = await measureGeneration(bench, benchCase, contenders);
    for (const entry of entries) rounds.get(entry.contender)!.push(...entry.rounds);
    contenders.reverse();
  }
  const { id, title, megabytes } = benchCase;
  const unit = megabytes === undefined ? "µs CPU per request" : "µs CPU per MB";
  const measurements = [...rounds].map(([contender, list]) => summary(contender.name, list));
  return { id, title, unit, measurements };
}

/** Starts a process for each contender, and measures them. */
async function measureGeneration(
  bench: Bench,
  benchCase: RequestCase,
  contenders: readonly Contender[],
): Promise<Entry[]> {
  const entries: Entry[] = [];
  try {
    for (const contender of contenders) entries.push(await startEntry(bench, benchCase, contender));
    await checkResponses(bench, entries);
    const { warmupMs, warmupRequests, roundMs } = bench.plan;
    const warmup = benchCase.megabytes === undefined ? warmupRequests : WARMUP_TRANSFERS;
    for (const entry of entries) await runRound(bench, benchCase, entry, warmupMs, warmup);
    const rounds = Math.min(benchCase.mostRounds ?? bench.plan.rounds, bench.plan.rounds);
    for (let round = 0; round < rounds; round++) {
      for (const entry of entries) {
        entry.rounds.push(await runRound(bench, benchCase, entry, roundMs));
      }
    }
  } finally {
    await Promise.all(entries.map(({ server }) => server.stop()));
  }
  return entries;
}

/** Starts a server and prepares the requests for it. */
export async function startEntry(
  bench: Pick<Bench, "folder">,
  benchCase: Omit<RequestCase, "id" | "title">,
  contender: Contender,
): Promise<Entry> {
  const { application, transport = "unix", nodeArgs = [], prepare, keep = true } = benchCase;
  const options: StartOptions = {
    application,
    transport,
    folder: bench.folder,
    nodeArgs,
    env: prepare?.(bench.folder) ?? {},
  };
  const server = await contender.start(options);
  const encode = contender.protocol === "fastcgi" ? encodeFastCGI : encodeHTTP;
  const params = [...(contender.params ?? []), ...(benchCase.request.params ?? [])];
  const target: LoadTarget = {
    address: server.address,
    protocol: contender.protocol,
    connections: contender.isSingle === true && keep ? 1 : (benchCase.connections ?? 32),
    keep: keep && contender.closes !== true,
    request: encode({ ...benchCase.request, params }, keep),
    bodyLength: benchCase.request.bodyLength ?? 0,
  };
  return { contender, server, target, rounds: [] };
}

/** Checks that all servers send the same response; otherwise a comparison is meaningless. */
export async function checkResponses(bench: Bench, entries: readonly Entry[]): Promise<void> {
  let expected: number | undefined;
  for (const { contender, target } of entries) {
    if (target.bodyLength > 0) continue;
    const probe = await bench.load.call<ProbeResult>({ kind: "probe", target });
    expected ??= probe.bodyLength;
    if (probe.statusCode !== 200 || probe.bodyLength !== expected) {
      throw new Error(`${contender.name} responds with ${JSON.stringify(probe)}, not ${expected} bytes`);
    }
  }
}

async function runRound(
  bench: Bench,
  benchCase: RequestCase,
  entry: Entry,
  ms: number,
  most: number = benchCase.megabytes === undefined ? Number.MAX_SAFE_INTEGER : TRANSFERS,
): Promise<Round> {
  const { load } = bench;
  const { pid } = entry.server;
  const isTransfer = benchCase.megabytes !== undefined;
  await load.call({ kind: "open", target: entry.target });
  // One request on each connection: the cost of accepting them is none of a request's.
  if (!isTransfer) {
    await load.call({ kind: "run", milliseconds: 60_000, requests: entry.target.connections });
  }
  const cpuBefore = cpuMicros(pid);
  const peak = watchMemory(pid, isTransfer);
  const milliseconds = isTransfer ? 60_000 : ms;
  const result = await load.call<LoadResult>({ kind: "run", milliseconds, requests: most });
  const cpu = cpuMicros(pid) - cpuBefore;
  const peakBytes = await peak.stop();
  await load.call({ kind: "close" });
  if (result.errors > 0) {
    throw new Error(`${entry.contender.name}: ${result.errors} errors: ${result.firstError}`);
  }
  const amount = (benchCase.megabytes ?? 1) * result.requests;
  return {
    value: cpu / amount,
    perSecond: amount / result.seconds,
    p50Micros: result.p50Micros,
    p99Micros: result.p99Micros,
    ...(isTransfer ? { peakBytes } : {}),
  };
}

/** Looks at a server's memory every now and then. */
function watchMemory(pid: number, isWanted: boolean): { stop(): Promise<number> } {
  const ended = new AbortController();
  let peakBytes = 0;
  const watching = (async () => {
    while (isWanted && !ended.signal.aborted) {
      peakBytes = Math.max(peakBytes, memoryOf(pid));
      await delay(20);
    }
    return peakBytes;
  })();
  return {
    stop() {
      ended.abort();
      return watching;
    },
  };
}

/** The medians of rounds. */
export function summary(name: string, rounds: readonly Round[]): Measurement {
  const used = rounds.flatMap(({ usedBytes }) => (usedBytes === undefined ? [] : [usedBytes]));
  const fronts = rounds.flatMap(({ frontMicros }) => (frontMicros === undefined ? [] : [frontMicros]));
  const peaks = rounds.flatMap(({ peakBytes }) => (peakBytes === undefined ? [] : [peakBytes]));
  return {
    name,
    value: median(rounds.map((round) => round.value)),
    lowest: Math.min(...rounds.map((round) => round.value)),
    perSecond: median(rounds.map((round) => round.perSecond)),
    p50Micros: median(rounds.map((round) => round.p50Micros)),
    p99Micros: median(rounds.map((round) => round.p99Micros)),
    ...(peaks.length > 0 ? { peakBytes: Math.max(...peaks) } : {}),
    ...(used.length > 0 ? { usedBytes: median(used) } : {}),
    ...(fronts.length > 0 ? { frontMicros: median(fronts) } : {}),
    rounds,
  };
}
