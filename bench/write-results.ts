import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { drawResults, drawScaling, drawSummary } from "./chart.ts";
import type { Plan } from "./measure.ts";
import { isPinned, versionOf } from "./processes.ts";
import { markdown } from "./report.ts";
import type { BenchResults, CaseResult } from "./results.ts";
import { headlineMarkdown, summaryMarkdown } from "./summary.ts";

/**
 * Writes results.json, results.svg, scaling.svg and summary.svg into a folder and the tables into its README.md, and, in the folder
 * above, the most important figures into docs/performance.md and README.md, if these have a place for them.
 *
 * @param isUpdate whether the cases replace those of the same id in results.json and leave the others
 */
export function writeResults(
  folder: string,
  plan: Plan,
  cases: readonly CaseResult[],
  isUpdate: boolean,
): void {
  const file = join(folder, "results.json");
  const old =
    isUpdate && existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as BenchResults).cases : [];
  const kept = old.map((result) => cases.find(({ id }) => id === result.id) ?? result);
  const added = cases.filter(({ id }) => old.every((result) => result.id !== id));
  const results: BenchResults = { ...circumstances(plan), cases: [...kept, ...added] };
  writeFileSync(file, `${JSON.stringify(results, mediansOnly, 1)}\n`);
  writeFileSync(join(folder, "results.svg"), drawResults(results));
  writeFileSync(join(folder, "scaling.svg"), drawScaling(results));
  writeFileSync(join(folder, "summary.svg"), drawSummary(results));
  replacePart(join(folder, "README.md"), "results", () => markdown(results));
  replacePart(join(folder, "..", "docs", "performance.md"), "figures", () => summaryMarkdown(results));
  replacePart(join(folder, "..", "README.md"), "speed", () => headlineMarkdown(results));
}

/** Leaves out single rounds: tables and charts need the medians only. `rounds` of the method is a number. */
function mediansOnly(key: string, value: unknown): unknown {
  return key === "lowest" || (key === "rounds" && Array.isArray(value)) ? undefined : value;
}

/** Replaces the text between two comments. */
function replacePart(file: string, name: string, write: () => string): void {
  if (!existsSync(file)) return;
  const text = readFileSync(file, "utf8");
  const start = `<!-- ${name} -->`;
  const [before, after] = [text.indexOf(start), text.indexOf(`<!-- /${name} -->`)];
  if (before < 0 || after < 0) return;
  writeFileSync(file, `${text.slice(0, before)}${start}\n\n${write()}\n${text.slice(after)}`);
}

function circumstances(plan: Plan): Omit<BenchResults, "cases"> {
  const [core] = cpus();
  const versions: Record<string, string | undefined> = {
    "Node.js": process.version,
    commit: commit(),
    Express: packageVersion("express"),
    "node-fastcgi": packageVersion("node-fastcgi"),
    nginx: versionOf("nginx", "-v"),
    Caddy: versionOf("caddy", "version"),
    wrk: versionOf("wrk", "-v"),
    Go: versionOf("go", "version"),
    "php-fpm": versionOf("php-fpm8.2", "-v") ?? versionOf("php-fpm", "-v"),
  };
  const known = Object.entries(versions).flatMap(([name, version]) =>
    version === undefined ? [] : [[name, version]],
  );
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      processor: core?.model ?? "unknown",
      cores: String(cpus().length),
      memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
      system: `${type()} ${release()}`,
    },
    versions: Object.fromEntries(known),
    method: { rounds: plan.rounds, roundMs: plan.roundMs, isQuick: plan.isQuick, isPinned: isPinned() },
  };
}

function commit(): string | undefined {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

function packageVersion(name: string): string | undefined {
  try {
    const file = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  } catch {
    return undefined;
  }
}
