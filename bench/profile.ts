/**
 * Runs a case with the processor's profile of the server and prints the functions that cost most themselves:
 *
 *     npx tsx bench/profile.ts [--only <case>] [--ms <duration>] [--lines <n>]
 *
 * The case must be one of requests straight to the server; `hello/kept` if none is named.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./build.ts";
import { cases } from "./cases.ts";
import { nodeHTTP, ours } from "./contenders.ts";
import type { LoadCommand, LoadResult } from "./load/messages.ts";
import { startEntry } from "./measure.ts";
import { NodeProcess } from "./node-process.ts";
import { options } from "./options.ts";
import { CACHE, LOAD_CORE } from "./processes.ts";

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const wanted = options.only?.[0] ?? "hello/kept";
const found = cases.find(({ id }) => id === wanted) ?? cases.find(({ id }) => id.includes(wanted));
if (found?.requests === undefined)
  throw new RangeError(`"${wanted}" is no case of requests straight to a server`);
const benchCase = found.requests;
const milliseconds = Number(options.ms ?? 3000);
const most = Number(options.lines ?? 40);

build();
const load = new NodeProcess<LoadCommand>(LOAD_CORE, [join(CACHE, "bench/load/load.js")]);
try {
  for (const contender of [ours, nodeHTTP]) {
    const folder = mkdtempSync(join(tmpdir(), "serve-fastcgi-profile-"));
    const nodeArgs = ["--cpu-prof", "--cpu-prof-interval", "200", "--cpu-prof-dir", folder];
    const entry = await startEntry({ folder }, { ...benchCase, nodeArgs }, contender);
    await load.call({ kind: "open", target: entry.target });
    const requests = benchCase.megabytes === undefined ? Number.MAX_SAFE_INTEGER : 10;
    const result = await load.call<LoadResult>({ kind: "run", milliseconds, requests });
    await load.call({ kind: "close" });
    await entry.server.stop();
    console.log(`${contender.name}, ${found.id}: ${result.requests} requests`);
    for (const file of readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"))) {
      print(JSON.parse(readFileSync(join(folder, file), "utf8")) as Profile, result.requests);
    }
    rmSync(folder, { recursive: true, force: true });
  }
} finally {
  await load.stop();
}

/** Prints the self time of each function, as microseconds per request. */
function print({ nodes, samples, timeDeltas }: Profile, requests: number): void {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.replace(/^.*\/serve-fastcgi-bench\//, "").replace(/^.*\/node_modules\//, "");
      return [id, `${functionName || "(anonymous)"} ${file}${url === "" ? "" : `:${lineNumber + 1}`}`];
    }),
  );
  const self = new Map<string, number>();
  let total = 0;
  for (const [index, sample] of samples.entries()) {
    const name = names.get(sample)!;
    if (name.startsWith("(idle)")) continue;
    const micros = timeDeltas[index]!;
    self.set(name, (self.get(name) ?? 0) + micros);
    total += micros;
  }
  const sorted = [...self].sort(([, a], [, b]) => b - a).slice(0, most);
  for (const [name, micros] of sorted) {
    const share = ((micros / total) * 100).toFixed(1).padStart(5);
    console.log(`${(micros / requests).toFixed(2).padStart(8)} µs ${share} %  ${name}`);
  }
  console.log(`${(total / requests).toFixed(2).padStart(8)} µs in all, the profiler's own cost included\n`);
}
