/**
 * Mixed traffic for a long time: does the server keep what it should let go?
 *
 *   npm run soak                          100,000 requests
 *   npm run soak -- --count 1000000       more of them
 *   npm run soak -- --seconds 600         for a time
 *
 * `--seed <n>`, `--lanes <n>`, `--svg <file>`. The exit status is 1 if a round trip failed or if heap, buffers or
 * descriptors did not come back to where they were. Linux only, because of /proc.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { State } from "./soak/application.ts";
import { drawSamples, type Sample } from "./soak/picture.ts";
import { type Kind, kinds, Lane } from "./soak/traffic.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string" },
    seconds: { type: "string" },
    seed: { type: "string", default: "1" },
    lanes: { type: "string", default: "32" },
    svg: { type: "string", default: fileURLToPath(new URL("soak.svg", import.meta.url)) },
  },
});
const limit = Number(values.count ?? (values.seconds === undefined ? 100_000 : Number.POSITIVE_INFINITY));
const seconds = Number(values.seconds ?? Number.POSITIVE_INFINITY);
const MEGABYTE = 1_048_576;
/** Requests before the state that the end is compared with: code is compiled and tables are full by then. */
const WARM_UP = Math.min(50_000, limit / 10);

let seed = Number(values.seed) >>> 0;
/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function random(): number {
  seed = (seed + 0x6d2b79f5) >>> 0;
  let bits = Math.imul(seed ^ (seed >>> 15), seed | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
  return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296;
}

const total = kinds.reduce((sum, { share }) => sum + share, 0);
function choose(): Kind {
  let rest = random() * total;
  for (const kind of kinds) {
    rest -= kind.share;
    if (rest < 0) return kind;
  }
  return kinds[0]!;
}

const child = fork(fileURLToPath(new URL("soak/application.ts", import.meta.url)), [], {
  execArgv: ["--import", "tsx", "--expose-gc"],
});
// A run that is cut off takes its server with it.
process.on("exit", () => child.kill("SIGKILL"));
const [{ port }] = (await once(child, "message")) as [{ port: number }];
const startedAt = performance.now();
let done = 0;
const made = new Map<string, number>();
const failures: string[] = [];
const samples: Sample[] = [];

async function sample(): Promise<Sample> {
  child.send("state");
  const [state] = (await once(child, "message")) as [State];
  const taken = { ...state, done, seconds: (performance.now() - startedAt) / 1000 };
  samples.push(taken);
  console.log(
    [
      `${taken.seconds.toFixed(0).padStart(6)} s`,
      `${done.toLocaleString("en").padStart(10)} requests`,
      `RSS ${(taken.rss / MEGABYTE).toFixed(1).padStart(6)} MiB`,
      `heap ${(taken.heap / MEGABYTE).toFixed(2).padStart(6)} MiB`,
      `buffers ${(taken.buffers / MEGABYTE).toFixed(2).padStart(5)} MiB`,
      `${taken.descriptors} descriptors`,
      `${taken.connections} connections`,
      `${taken.open} open`,
    ].join("  "),
  );
  return taken;
}

/** Drives one lane until the count or the time is reached. */
async function drive(lane: Lane, until: number): Promise<void> {
  while (done < until && (performance.now() - startedAt) / 1000 < seconds) {
    const kind = choose();
    done += kind.requests;
    made.set(kind.name, (made.get(kind.name) ?? 0) + 1);
    const outcome = await lane.run(kind);
    if (outcome !== undefined) failures.push(`${kind.name}: ${outcome}`);
  }
}

/** Runs all lanes, then closes them and waits until the server has noticed. */
async function traffic(until: number): Promise<void> {
  const lanes = Array.from({ length: Number(values.lanes) }, () => new Lane(port));
  await Promise.all(lanes.map((lane) => drive(lane, until)));
  for (const lane of lanes) lane.leave("destroy");
  await delay(1000);
}

await traffic(WARM_UP);
const before = await sample();
const interval = setInterval(() => void sample(), Math.max(2000, Math.min(10_000, limit / 50)));
await traffic(limit);
clearInterval(interval);
await delay(500);
const after = await sample();
child.send("stop");
await once(child, "exit");

writeFileSync(values.svg, drawSamples(samples));
console.log(`\npicture: ${values.svg}`);
for (const [name, count] of [...made].sort((a, b) => b[1] - a[1])) {
  console.log(`${count.toLocaleString("en").padStart(10)}  ${name}`);
}
console.log(`client errors ${after.clientErrors}, request errors ${after.requestErrors}`);
for (const failure of new Set(failures)) console.log(`FAILED ${failure}`);
const grown = {
  "heap, MiB": [(after.heap - before.heap) / MEGABYTE, 2],
  "buffers, MiB": [(after.buffers - before.buffers) / MEGABYTE, 2],
  descriptors: [after.descriptors - before.descriptors, 0],
  resources: [after.resources - before.resources, 0],
  "open requests": [after.open, 0],
  connections: [after.connections, 0],
} as const;
let isGood = failures.length === 0;
for (const [name, [value, allowed]] of Object.entries(grown)) {
  const holds = value <= allowed;
  isGood &&= holds;
  console.log(`${holds ? "ok    " : "GROWN "} ${name}: ${value > 0 ? "+" : ""}${Number(value.toFixed(2))}`);
}
console.log(`${failures.length} failed of ${done.toLocaleString("en")} requests`);
process.exitCode = isGood ? 0 : 1;
