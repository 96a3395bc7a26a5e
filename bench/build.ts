import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CACHE } from "./processes.ts";

/**
 * Compiles the library and the processes of the benchmark as `npm run build` compiles the library: what runs
 * is plain JavaScript, with nothing loaded to run TypeScript.
 */
export function build(): void {
  mkdirSync(CACHE, { recursive: true });
  // The folder lies below node_modules, where no package.json above it counts.
  writeFileSync(join(CACHE, "package.json"), '{ "type": "module" }\n');
  const compiler = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
  const project = fileURLToPath(new URL("tsconfig.json", import.meta.url));
  try {
    execFileSync(process.execPath, [compiler, "-p", project], { stdio: "ignore" });
  } catch {
    // The code was written all the same: a benchmark in the middle of an experiment must run.
    console.log("The sources have errors of types: `npm run check` shows them.\n");
  }
}
