/** README and docs/: links, tables that are generated or repeat the source, and code that compiles. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { drawSummary } from "../bench/chart.ts";
import type { BenchResults } from "../bench/results.ts";
import { headlineMarkdown, summaryMarkdown } from "../bench/summary.ts";
import { createGateway } from "../src/client/index.ts";
import { renderDifferences } from "./http-suite/differences.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

const docs = readdirSync(join(root, "docs")).map((name) => `docs/${name}`);
const pages = [
  ...["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md"],
  ...docs,
  ...readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `examples/${name}`),
];

/** What stands between two comments of a page. */
function part(page: string, name: string): string | undefined {
  return new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)\\n<!-- /${name} -->`).exec(read(page))?.[1]?.trim();
}

test("README is short", () => {
  const readme = read("README.md");
  assert.ok(readme.split("\n").length <= 250 && Buffer.byteLength(readme) <= 12_288);
});

test("README names every page of docs/", () => {
  for (const page of docs) assert.ok(read("README.md").includes(`](${page})`), page);
});

test("docs/web-servers.md holds the generated table of what web servers change", () => {
  assert.equal(
    part("docs/web-servers.md", "differences"),
    renderDifferences().trim(),
    "print it with `npx tsx test/http-suite/table.ts`",
  );
});

test("README and docs/performance.md hold the figures of the last complete run of the benchmark", () => {
  const results = JSON.parse(read("bench/results.json")) as BenchResults;
  const hint = "write them with `npm run bench`";
  assert.equal(part("README.md", "speed"), headlineMarkdown(results).trim(), hint);
  assert.equal(part("docs/performance.md", "figures"), summaryMarkdown(results).trim(), hint);
  assert.equal(read("bench/summary.svg"), drawSummary(results), hint);
});

/** The text of a page without its code, in which brackets are no links. */
const prose = (page: string): string => read(page).replace(/^```[\s\S]*?^```$/gm, "");

/** The anchors that GitHub gives to the headings of a page. */
function anchors(page: string): string[] {
  return [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

for (const page of pages) {
  test(`links of ${page} lead to files and headings that exist`, () => {
    for (const [, path, anchor] of prose(page).matchAll(/\]\(([^)#:\s]*)(?:#([^)]*))?\)/g)) {
      const target = path === "" ? page : normalize(join(dirname(page), path!));
      assert.ok(existsSync(join(root, target)), `link to ${path}`);
      if (anchor !== undefined) assert.ok(anchors(target).includes(anchor), `link to ${path}#${anchor}`);
    }
  });
}

test("SECURITY.md names tests that exist", () => {
  const files = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" });
  const names = new Set(files.map((file) => basename(file, ".test.ts")));
  const rows = read("SECURITY.md").split("\n");
  for (const row of rows.filter((line) => line.startsWith("| ")).slice(2)) {
    const tests = row.split("|").at(-2)!.trim();
    for (const name of tests.split(", ").filter((text) => text !== "")) assert.ok(names.has(name), name);
  }
});

/** The option names in the first column of the tables of a page whose header begins with "Option". */
function tabledOptions(page: string): string[] {
  return read(page)
    .split("\n\n")
    .filter((block) => block.startsWith("| Option |"))
    .flatMap((block) => block.split("\n").slice(2))
    .flatMap((row) => [...row.split("|")[1]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
}

/** The documented optional members of a source file, with their numeric defaults. */
function declaredOptions(file: string): { name: string; value: string | undefined }[] {
  const members = read(file).matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}(\w+)\?:/g);
  return [...members].map(([, comment, name]) => ({
    name: name!,
    value: /@defaultValue (\d+)(?=[\s,])/.exec(comment!)?.[1],
  }));
}

test("docs/api.md lists the options of a server, with the defaults of the source", () => {
  const rows = read("docs/api.md").split("\n");
  const declared = [
    ...declaredOptions("src/server/options.ts"),
    ...declaredOptions("src/server/serve.ts"),
    ...declaredOptions("src/listen/target.ts"),
  ];
  assert.ok(declared.filter(({ value }) => value !== undefined).length > 10);
  for (const { name, value } of declared) {
    const row = rows.find((line) => line.startsWith("|") && line.split("|")[1]!.includes(`\`${name}\``));
    assert.ok(row, name);
    if (value !== undefined) {
      assert.ok(row.includes(Number(value).toLocaleString("en-US")), `${name}: ${value}`);
    }
  }
  const names = new Set(["host", "setTimeout", ...declared.map(({ name }) => name)]);
  for (const name of tabledOptions("docs/api.md")) assert.ok(names.has(name), name);
});

test("docs/client.md lists the options of gateway and client", () => {
  let message = "";
  try {
    createGateway(1, { unknown: true } as object);
  } catch (error) {
    message = String(error);
  }
  const names = message
    .slice(message.lastIndexOf(":"))
    .match(/\w+/g)
    ?.filter((word) => /^[a-z]/.test(word));
  const expected = names?.filter((name) => !["there", "are"].includes(name)).sort();
  // `headersTimeout` is of both: their defaults differ.
  assert.deepEqual([...new Set(tabledOptions("docs/client.md"))].sort(), expected);
});

test("docs/ name every export", () => {
  const text = docs.map(read).join("\n");
  for (const folder of ["", "server/", "client/", "protocol/"]) {
    for (const [, list] of read(`src/${folder}index.ts`).matchAll(/export (?:type )?\{([^}]*)\}/g)) {
      for (const [, name] of list!.matchAll(/(?:type )?(\w+)(?=,|\s*$)/gm)) {
        assert.ok(new RegExp(`\\b${name}\\b`).test(text), `${name} of src/${folder}index.ts`);
      }
    }
  }
});

/** What the snippets leave out: an application, and functions that an earlier snippet of the page imported. */
const GLOBALS = `
import type { Express } from "express";
declare global {
  const app: Express;
  const handler: import("serve-fastcgi").CGIFunction;
  const fastify: typeof import("fastify").fastify;
  const supertest: typeof import("supertest").default;
  const { cgiListener, createServer, fastcgi, serveFastCGI, serveHTTP }: typeof import("serve-fastcgi");
  const { createGateway }: typeof import("serve-fastcgi/client");
}
`;

test("the code of README, docs/ and examples/ compiles", () => {
  const folder = mkdtempSync(join(tmpdir(), "serve-fastcgi-snippets-"));
  try {
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    let count = 0;
    for (const page of pages) {
      for (const [, code] of read(page).matchAll(/^ *```(?:js|ts)\n([\s\S]*?)^ *```$/gm)) {
        const name = `${page.replaceAll(/\W/g, "-")}-${++count}.mts`;
        writeFileSync(join(folder, name), `${code}\nexport {};\n`);
      }
    }
    assert.ok(count > 20);
    writeFileSync(join(folder, "globals.d.ts"), GLOBALS.replace(/const \{([^}]*)\}: (.*);/g, declareEach));
    const compilerOptions = {
      isolatedDeclarations: false,
      declaration: false,
      paths: Object.fromEntries(
        ["", "/client", "/protocol"].map((entry) => [
          `serve-fastcgi${entry}`,
          [join(root, `src${entry}/index.ts`)],
        ]),
      ),
    };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: ["."] }),
    );
    execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], {
      encoding: "utf8",
    });
  } catch (error) {
    assert.fail(`${(error as { stdout?: string }).stdout || error}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Declarations know no destructuring. */
function declareEach(_: string, names: string, type: string): string {
  return names
    .split(",")
    .map((name) => `const ${name.trim()}: (${type})["${name.trim()}"];`)
    .join("\n  ");
}
