/** Measures the library against `node:http` and others: see README.md in this folder. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, buildAgainst } from "./build.ts";
import { cases } from "./cases.ts";
import type { LoadCommand } from "./load/messages.ts";
import type { Plan } from "./measure.ts";
import { NodeProcess } from "./node-process.ts";
import { options } from "./options.ts";
import { CACHE, LOAD_CORE } from "./processes.ts";
import { caseLines } from "./report.ts";
import type { CaseResult } from "./results.ts";
import { writeResults } from "./write-results.ts";

const { only = [], quick = false } = options;
const chosen = cases.filter(({ id, isLong }) =>
  only.length > 0 ? only.some((part) => id.includes(part)) : !quick || !isLong,
);
if (options.list) {
  for (const { id, title } of chosen) console.log(`${id.padEnd(24)}${title}`);
  process.exit();
}
if (chosen.length === 0) throw new RangeError(`no case's id has "${only.join('" or "')}" in it`);

const plan: Plan = {
  isQuick: quick,
  rounds: Number(options.rounds ?? (quick ? 3 : 5)),
  roundMs: Number(options.ms ?? (quick ? 150 : 300)),
  warmupRequests: 10_000,
  warmupMs: quick ? 500 : 800,
};

const start = performance.now();
build();
if (options.against !== undefined) buildAgainst(options.against);
const folder = mkdtempSync(join(tmpdir(), "serve-fastcgi-bench-"));
const load = new NodeProcess<LoadCommand>(LOAD_CORE, [join(CACHE, "bench/load/load.js")]);
const results: CaseResult[] = [];
try {
  for (const benchCase of chosen) {
    const result = await benchCase.run({ plan, load, folder });
    results.push(result);
    console.log(caseLines(result));
  }
} finally {
  await load.stop();
  rmSync(folder, { recursive: true, force: true });
}
// The files in this folder show a whole run, or what was measured again on purpose.
const isWhole = only.length === 0 && !quick;
const output = isWhole || options.update === true ? fileURLToPath(new URL(".", import.meta.url)) : CACHE;
writeResults(output, plan, results, options.update === true);
console.log(`Written to ${output}: results.json, results.svg, scaling.svg`);
console.log(`${((performance.now() - start) / 1000).toFixed(0)} s`);
