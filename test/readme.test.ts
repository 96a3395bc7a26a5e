import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { BenchResults } from "../bench/results.ts";
import { summaryMarkdown } from "../bench/summary.ts";
import { renderDifferences } from "./http-suite/differences.ts";

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

test("README holds the generated table of what front ends do otherwise", () => {
  const table = /<!-- differences -->\n([\s\S]*?)\n<!-- \/differences -->/.exec(read("README.md"))?.[1];
  assert.equal(table?.trim(), renderDifferences().trim(), "print it with `npx tsx test/http-suite/table.ts`");
});

test("README holds the figures of the last whole run of the benchmark", () => {
  const part = /<!-- speed -->\n([\s\S]*?)\n<!-- \/speed -->/.exec(read("README.md"))?.[1];
  const results = JSON.parse(read("bench/results.json")) as BenchResults;
  assert.equal(part?.trim(), summaryMarkdown(results).trim(), "write it with `npm run bench`");
});

test("links of README and CHANGELOG to files lead somewhere", () => {
  for (const file of ["README.md", "CHANGELOG.md", "SECURITY.md"]) {
    for (const [, path] of read(file).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      assert.ok(existsSync(new URL(`../${path}`, import.meta.url)), `${file} links to ${path}`);
    }
  }
});

test("README names each option of a server with its default", () => {
  const readme = read("README.md");
  const options = read("src/server/options.ts");
  const defaults = [...options.matchAll(/@defaultValue (\S+?),?[ \n][\s\S]*?\*\/\s+(\w+)\?:/g)];
  assert.ok(defaults.length > 10);
  for (const [, value, name] of defaults) {
    if (!/^\d+$/.test(value!)) continue;
    const row = readme.split("\n").find((line) => line.startsWith("|") && line.includes(`\`${name}\``));
    assert.ok(row?.includes(Number(value).toLocaleString("en-US")), `${name} with its default ${value}`);
  }
});
