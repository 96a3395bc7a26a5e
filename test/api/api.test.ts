import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readExamples } from "./examples.ts";
import { compile, type Declaration, entryPoints, extractAPI, reportFile } from "./extract.ts";

const folder = mkdtempSync(join(tmpdir(), "serve-fastcgi-api-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const api = extractAPI(folder);

/** What users call: functions, methods are documented with them, and classes that are not errors. */
function isCalled({ kind, name = "" }: Declaration): boolean {
  return kind === "Function" || (kind === "Class" && !name.endsWith("Error"));
}

function isDocumented({ docComment = "" }: Declaration): boolean {
  return /\w/.test(docComment);
}

describe("the public interface", () => {
  for (const entryPoint of entryPoints) {
    const { report, exports } = api[entryPoint];

    test(`of ${entryPoint} is the one that its report shows`, () => {
      assert.equal(
        report,
        readFileSync(reportFile(entryPoint), "utf8"),
        "a change of the public interface: run `npm run api`, and review the reports' difference",
      );
    });

    test(`of ${entryPoint} has a doc comment on every export, property and method`, () => {
      // One comment for all overloads. The codes of errors are described at the class that all of them extend.
      const missing = new Set<string>();
      const documented = new Set(
        exports.map(({ name }) => `${name}.code`).filter((name) => /Error\./.test(name)),
      );
      for (const declaration of exports) {
        for (const member of [declaration, ...(declaration.members ?? [])]) {
          if (member.kind === "CallSignature" || member.kind === "Constructor") continue;
          const name = member === declaration ? `${member.name}` : `${declaration.name}.${member.name}`;
          (isDocumented(member) ? documented : missing).add(name);
        }
      }
      assert.deepEqual(
        [...missing].filter((name) => !documented.has(name)),
        [],
      );
    });

    test(`of ${entryPoint} has an example on every function and class that users call`, () => {
      const documented = new Set(
        exports.filter(({ docComment }) => docComment?.includes("@example")).map(({ name }) => name),
      );
      const missing = exports.filter(
        (declaration) => isCalled(declaration) && !documented.has(declaration.name),
      );
      assert.deepEqual([...new Set(missing.map(({ name }) => name))], []);
    });
  }
});

describe("examples in doc comments", () => {
  const examples = readExamples(api);
  const sources = join(folder, "examples");
  const fileOf = (index: number): string => `example-${index}.ts`;

  test("compile against the package", () => {
    mkdirSync(sources);
    symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(folder, "node_modules"));
    for (const [index, { name, source }] of examples.entries()) {
      writeFileSync(join(sources, fileOf(index)), `// ${name}\n${source}`);
    }
    const options = {
      module: "nodenext",
      target: "es2022",
      strict: true,
      types: ["node"],
      skipLibCheck: true,
    };
    writeFileSync(
      join(sources, "tsconfig.json"),
      JSON.stringify({ compilerOptions: options, include: ["*.ts"] }),
    );
    compile("-p", sources);
  });

  for (const [index, { entryPoint, name }] of examples.entries()) {
    if (entryPoint !== "protocol") continue;
    test(`run: ${name}`, () => {
      const file = join(sources, fileOf(index).replace(/ts$/, "js"));
      const { status, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
      assert.equal(status, 0, stderr);
    });
  }
});
