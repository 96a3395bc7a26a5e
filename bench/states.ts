import { execFileSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { libraryPath, ours, pair } from "./contenders.ts";
import type { LoadResult } from "./load/messages.ts";
import { type Bench, type Entry, startEntry, summary } from "./measure.ts";
import { cpuMicros } from "./processes.ts";
import { BROWSER_FIELDS } from "./requests.ts";
import type { CaseResult, Measurement, Round } from "./results.ts";
import type { ServerMemory } from "./servers/messages.ts";

const request = { fields: BROWSER_FIELDS };
const EVENT_LENGTH = 100;

/** Measures what an event costs that goes to many clients. */
export async function measureEvents(bench: Bench, id: string, title: string): Promise<CaseResult> {
  const connections = 500;
  const measurements = await eachEntry(bench, "events", connections, async (entry) => {
    const rounds: Round[] = [];
    for (let round = 0; round <= bench.plan.rounds; round++) {
      await bench.load.call({ kind: "open", target: entry.target });
      await bench.load.call({ kind: "send" });
      await whenHeld(entry, connections);
      const cpuBefore = cpuMicros(entry.server.pid);
      const milliseconds = bench.plan.roundMs;
      const result = await bench.load.call<LoadResult>({ kind: "listen", milliseconds });
      const events = result.content / EVENT_LENGTH;
      const value = (cpuMicros(entry.server.pid) - cpuBefore) / events;
      // The first round warms up.
      if (round > 0) rounds.push({ value, perSecond: events / result.seconds, p50Micros: 0, p99Micros: 0 });
      await bench.load.call({ kind: "close" });
      await whenHeld(entry, 0);
    }
    return rounds;
  });
  return { id, title, unit: "µs CPU per event", measurements };
}

/** Measures the memory of a connection that waits, or of a request that waits. */
export async function measureMemory(
  bench: Bench,
  id: string,
  title: string,
  application: "hello" | "hold",
): Promise<CaseResult> {
  const connections = 2000;
  const rounds: Round[][] = pair.map(() => []);
  // A process of its own per round: memory that was freed once is not given back, and would be found again.
  for (let round = 0; round < (bench.plan.isQuick ? 1 : 3); round++) {
    const measured = await eachEntry(bench, application, connections, (entry) =>
      growth(bench, entry, application === "hold"),
    );
    for (const [index, one] of measured.entries()) rounds[index]!.push(one.rounds![0]!);
  }
  const installed = pair.filter((contender) => contender.isInstalled());
  return {
    id,
    title,
    unit: application === "hold" ? "bytes of RSS per request" : "bytes of RSS per connection",
    measurements: installed.map(({ name }, index) => summary(name, rounds[index]!)),
  };
}

async function growth(bench: Bench, entry: Entry, isHolding: boolean): Promise<Round[]> {
  const { server, target } = entry;
  const { connections } = target;
  const waiting = async (count: number): Promise<ServerMemory> => {
    await bench.load.call({ kind: "open", target: { ...target, connections: count } });
    if (isHolding) {
      await bench.load.call({ kind: "send" });
      await whenHeld(entry, count);
    } else {
      await bench.load.call({ kind: "run", milliseconds: 60_000, requests: count * 10 });
    }
    return server.call<ServerMemory>("memory");
  };
  // Code and buffers that every server needs, however many connections it has.
  await waiting(100);
  await server.call("release");
  await bench.load.call({ kind: "close" });
  await whenHeld(entry, 0);
  const before = await server.call<ServerMemory>("memory");
  const after = await waiting(connections);
  const value = (after.residentBytes - before.residentBytes) / connections;
  const usedBytes = (after.usedBytes - before.usedBytes) / connections;
  await bench.load.call({ kind: "close" });
  return [{ value, perSecond: 0, p50Micros: 0, p99Micros: 0, usedBytes }];
}

/** Measures how long a process takes to load a module. */
export function measureImport(bench: Bench, id: string, title: string): CaseResult {
  const modules: Record<string, string> = {
    ...(ours.isInstalled() ? { "serve-fastcgi, with node:http": pathToFileURL(libraryPath()).href } : {}),
    "node:http alone": "node:http",
    express: import.meta.resolve("express"),
  };
  const measurements: Measurement[] = Object.entries(modules).map(([name, module]) => {
    const code = `const start = performance.now();
      import(${JSON.stringify(module)}).then(() => console.log(performance.now() - start));`;
    const rounds = Array.from({ length: bench.plan.rounds }, () => {
      const output = execFileSync(process.execPath, ["-e", code], { encoding: "utf8", env: {} });
      return { value: Number(output), perSecond: 0, p50Micros: 0, p99Micros: 0 };
    });
    return summary(name, rounds);
  });
  return { id, title, unit: "ms", measurements };
}

/** Runs one server after the other. */
async function eachEntry(
  bench: Bench,
  application: string,
  connections: number,
  measure: (entry: Entry) => Promise<Round[]>,
): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const contender of pair) {
    if (!contender.isInstalled()) continue;
    const entry = await startEntry(bench, { application, request, connections }, contender);
    try {
      measurements.push(summary(contender.name, await measure(entry)));
    } finally {
      await entry.server.stop();
    }
  }
  return measurements;
}

/** Waits until a server holds as many requests as it should; none, once the clients have gone. */
async function whenHeld(entry: Entry, wanted: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const held = await entry.server.call<number>("held");
    if (held === wanted) return;
    if (performance.now() > deadline) {
      throw new Error(`${entry.contender.name} holds ${held} requests, not ${wanted}`);
    }
    await delay(5);
  }
}
