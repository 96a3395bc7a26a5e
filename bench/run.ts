/**
 * Measures the library against `node:http` and others: see README.md in this folder.
 *
 *     npm run bench -- [--quick] [--only <part of a case's id>]… [--rounds <n>] [--ms <length of a round>]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, buildAgainst } from "./build.ts";
import { cases } from "./cases.ts";
import type { LoadCommand } from "./load/messages.ts";
import type { Plan } from "./measure.ts";
import { NodeProcess } from "./node-process.ts";
import { options } from "./options.ts";
import { CACHE, LOAD_CORE } from "./processes.ts";
import { caseLines } from "./report.ts";
import type { CaseResult } from "./results.ts";

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
  roundMs: Number(options.ms ?? (quick ? 150 : 400)),
  warmupMs: quick ? 300 : 500,
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
console.log(`${((performance.now() - start) / 1000).toFixed(0)} s`);
