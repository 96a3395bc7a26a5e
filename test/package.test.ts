import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const bin = (name: string): string => join(root, "node_modules", ".bin", name);

/** Runs a command and returns its output; what it says is in the error if it fails. */
function run(cwd: string, command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return assert.fail(`${command} ${args.join(" ")}:\n${stdout}\n${stderr}`);
  }
}

describe("the package, packed and installed in an empty project", () => {
  const folder = mkdtempSync(join(tmpdir(), "serve-fastcgi-package-"));
  const project = join(folder, "project");
  let tarball = "";

  before(() => {
    run(root, "npm", "pack", "--pack-destination", folder);
    tarball = join(
      folder,
      readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? assert.fail("no tarball"),
    );
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), '{ "name": "project", "private": true }\n');
    // Without dependencies nothing has to be fetched.
    run(project, "npm", "install", "--offline", "--no-audit", "--no-fund", tarball);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("has no dependency", () => {
    assert.deepEqual(
      readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith(".")),
      ["serve-fastcgi"],
    );
  });

  const use = `
    if (typeof main.serveFastCGI !== "function" || typeof client.createGateway !== "function") throw new Error("main");
    if (protocol.RecordType.STDOUT !== 6) throw new Error("protocol");
    main.createServer((req, res) => res.end()).listen(0, function () { this.close(() => console.log("served")); });
  `;

  test("can be imported", () => {
    const source = `
      import * as main from "serve-fastcgi";
      import * as client from "serve-fastcgi/client";
      import * as protocol from "serve-fastcgi/protocol";
      ${use}`;
    writeFileSync(join(project, "import.mjs"), source);
    assert.equal(run(project, process.execPath, "import.mjs"), "served\n");
  });

  test("can be required", () => {
    const source = `
      const main = require("serve-fastcgi");
      const client = require("serve-fastcgi/client");
      const protocol = require("serve-fastcgi/protocol");
      ${use}`;
    writeFileSync(join(project, "require.cjs"), source);
    assert.equal(run(project, process.execPath, "require.cjs"), "served\n");
  });

  test("has types under nodenext, for modules of both kinds", () => {
    const source = readFileSync(new URL("public-api.ts", import.meta.url), "utf8");
    writeFileSync(
      join(project, "types.mts"),
      source.replace(
        /"\.\.\/src\/(?:(\w+)\/)?index\.ts"/g,
        (_, name) => `"serve-fastcgi${name ? `/${name}` : ""}"`,
      ),
    );
    writeFileSync(
      join(project, "types.cts"),
      'import main = require("serve-fastcgi");\nmain.serveFastCGI((_req, res) => void res.end(), 1234).close();\n',
    );
    const options = {
      module: "nodenext",
      target: "es2022",
      strict: true,
      noEmit: true,
      types: ["node"],
      exactOptionalPropertyTypes: true,
      typeRoots: [join(root, "node_modules/@types")],
    };
    writeFileSync(
      join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions: options, include: ["*.mts", "*.cts"] }),
    );
    run(project, bin("tsc"), "-p", ".");
  });

  test("has nothing that publint or attw object to", () => {
    const report = run(root, bin("publint"), "run", tarball, "--strict");
    assert.doesNotMatch(report, /Warning|Error/i);
    run(root, bin("attw"), tarball, "--profile", "esm-only");
  });

  test("holds its code, its sources for the maps, and nothing of the tests", () => {
    const files = readdirSync(join(project, "node_modules", "serve-fastcgi"), {
      recursive: true,
    }) as string[];
    for (const file of ["dist/index.js", "dist/index.d.ts", "src/index.ts", "LICENSE"]) {
      assert.ok(files.includes(file), file);
    }
    assert.deepEqual(
      files.filter((file) => /test|bench|\.env/.test(file)),
      [],
    );
  });
});
