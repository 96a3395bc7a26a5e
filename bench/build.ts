import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AGAINST_FOLDER, CACHE } from "./processes.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * Compiles the library and the processes of the benchmark as `npm run build` compiles the library: what runs
 * is plain JavaScript, with nothing loaded to run TypeScript.
 */
export function build(): void {
  mkdirSync(CACHE, { recursive: true });
  // The folder lies below node_modules, where no package.json above it counts.
  writeFileSync(join(CACHE, "package.json"), '{ "type": "module" }\n');
  compile(join(ROOT, "bench/tsconfig.json"));
}

/** Compiles the library as it was at a commit, to compare it with itself in the same run. */
export function buildAgainst(commit: string): void {
  const sources = join(AGAINST_FOLDER, "sources");
  rmSync(AGAINST_FOLDER, { recursive: true, force: true });
  mkdirSync(sources, { recursive: true });
  const archive = execFileSync("git", ["archive", commit, "src", "tsconfig.json"], { cwd: ROOT });
  execFileSync("tar", ["-x", "-C", sources], { input: archive });
  compile(join(sources, "src/tsconfig.json"));
  cpSync(join(sources, "dist"), join(AGAINST_FOLDER, "dist"), { recursive: true });
}

function compile(project: string): void {
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  try {
    execFileSync(process.execPath, [compiler, "-p", project], { stdio: "ignore" });
  } catch {
    // The code was written all the same: a benchmark in the middle of an experiment must run.
    console.log(`${project} has errors of types: the compiler shows them.\n`);
  }
}
