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

  describe("has types", () => {
    const versions = ["typescript-5.4", "typescript-5.9", "typescript"] as const;
    // Modules, and CommonJS that imports when it runs. TypeScript knows since 5.8 that require() loads modules.
    const nodenextFiles = (version: string): string[] =>
      version === "typescript-5.4" ? ["types.mts", "later.cts"] : ["types.mts", "later.cts", "types.cts"];
    const rows: readonly [what: string, options: string[], files: (version: string) => string[]][] = [
      ["ESM and CommonJS, with nodenext", ["--module", "nodenext"], nodenextFiles],
      ["a bundler", ["--module", "esnext", "--moduleResolution", "bundler"], () => ["types.ts"]],
      // Up to TypeScript 6 this looks for `main`, `types` and `typesVersions`, not for `exports`.
      ["CommonJS, with --module commonjs", ["--module", "commonjs"], () => ["types.ts"]],
    ];

    before(() => {
      const source = readFileSync(new URL("public-api.ts", import.meta.url), "utf8").replace(
        /"\.\.\/src\/(?:(\w+)\/)?index\.ts"/g,
        (_, name) => `"serve-fastcgi${name ? `/${name}` : ""}"`,
      );
      writeFileSync(join(project, "types.mts"), source);
      writeFileSync(join(project, "types.ts"), source);
      writeFileSync(
        join(project, "types.cts"),
        `import main = require("serve-fastcgi");
         import client = require("serve-fastcgi/client");
         import protocol = require("serve-fastcgi/protocol");
         main.serveFastCGI((_req, res) => void res.end(), 1234).close();
         export const gateway: client.Gateway = client.createGateway(1234);
         export const stdout: 6 = protocol.RecordType.STDOUT;`,
      );
      writeFileSync(
        join(project, "later.cts"),
        `import type { FastCGIServer } from "serve-fastcgi" with { "resolution-mode": "import" };
         export async function start(): Promise<FastCGIServer> {
           const { serveFastCGI } = await import("serve-fastcgi");
           const { createGateway } = await import("serve-fastcgi/client");
           return serveFastCGI(createGateway(1234), 1235);
         }`,
      );
    });

    for (const [what, options, filesFor] of rows) {
      for (const compiler of versions) {
        const { version } = JSON.parse(
          readFileSync(join(root, "node_modules", compiler, "package.json"), "utf8"),
        ) as { version: string };
        test(`for ${what}, under TypeScript ${version.replace(/\.\d+$/, "")}`, () => {
          const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022"];
          const types = ["--types", "node", "--typeRoots", join(root, "node_modules/@types")];
          const program = join(root, "node_modules", compiler, "bin/tsc");
          run(project, process.execPath, program, ...strict, ...types, ...options, ...filesFor(compiler));
        });
      }
    }
  });

  test("has nothing that publint or attw object to", () => {
    const report = run(root, bin("publint"), "run", tarball, "--strict");
    assert.doesNotMatch(report, /Warning|Error/i);
    // require() loads modules in all supported versions of Node.js.
    run(root, bin("attw"), tarball, "--ignore-rules", "cjs-resolves-to-esm");
  });

  test("holds its code, its sources for the maps, and its examples, and nothing of the tests", () => {
    const files = readdirSync(join(project, "node_modules", "serve-fastcgi"), {
      recursive: true,
    }) as string[];
    for (const file of [
      "dist/index.js",
      "dist/index.d.ts",
      "src/index.ts",
      "examples/gateway.ts",
      "LICENSE",
    ]) {
      assert.ok(files.includes(file), file);
    }
    assert.deepEqual(
      files.filter((file) => /test|bench|\.env/.test(file)),
      [],
    );
  });
});
