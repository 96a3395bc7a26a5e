import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createNetServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createServer } from "../../src/index.ts";
import { createFolder, removeFolder } from "../support/folders.ts";
import { application } from "./apps/node-application.ts";
import { failures, markdown, table } from "./report.ts";
import { type Result, run } from "./runner.ts";
import { sections } from "./sections.ts";
import { measure, serveFastCGI } from "./targets.ts";

describe("conformance of serve-fastcgi", () => {
  let results: Result[] = [];
  before(async () => {
    results = await measure(serveFastCGI, { timeoutMs: 5000 });
  });

  for (const { id, title, cases } of sections) {
    test(`${id} ${title}: all ${cases.length} cases pass`, () => {
      const own = results.filter((result) => result.section === id);
      assert.equal(own.length, cases.length);
      const failed = own.filter(({ outcome }) => outcome !== "pass");
      assert.deepEqual(
        failed.map(({ id, title, reason }) => `${id} ${title}: ${reason}`),
        [],
      );
    });
  }
});

describe("the suite itself", () => {
  const folder = createFolder();
  /** Keeps to the contract. */
  const good = createServer(application);
  /** Serves, but responds to everything with the same. */
  const wrong = createServer((req, res) => {
    if (req.url?.startsWith("/params")) application(req, res);
    else res.end("wrong");
  });
  /** Responds with bytes that are no record. */
  const other = createNetServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  });
  const servers = { good, wrong, other };
  const path = (name: string): string => join(folder, name);
  const target = (name: string) => ({ address: { path: path(name) }, params: [], timeoutMs: 2000 });

  before(async () => {
    for (const [name, server] of Object.entries(servers)) await once(server.listen(path(name)), "listening");
  });
  after(() => {
    for (const server of Object.values(servers)) server.close();
    removeFolder(folder);
  });

  test("has at least 150 cases, each with an id and a title of its own", () => {
    const cases = sections.flatMap((section) => section.cases);
    assert.ok(cases.length >= 150, String(cases.length));
    assert.equal(new Set(cases.map(({ id }) => id)).size, cases.length);
    assert.equal(new Set(cases.map(({ section, title }) => section + title)).size, cases.length);
  });

  test("runs over a unix socket", async () => {
    const results = await run(target("good"), { only: "3.5" });
    assert.deepEqual(
      results.filter(({ outcome }) => outcome !== "pass"),
      [],
    );
  });

  test("finds fault with wrong responses, and counts them", async () => {
    const results = await run(target("wrong"), { only: "5.3/whole-body" });
    assert.deepEqual(
      results.map(({ id, outcome }) => [id, outcome]),
      [["5.3/whole-body", "fail"]],
    );
    assert.match(table(results), /^total +0 of 1 +n\/a$/m);
    assert.match(markdown([{ name: "wrong", results }]), /^\| \*\*all\*\* \| 1 \| MUST 0\/1 \|$/m);
    assert.match(failures([{ name: "wrong", results }]), /^- wrong, 5\.3\/whole-body \(MUST\): /);
  });

  test("does not run against what is no FastCGI application", async () => {
    await assert.rejects(
      run(target("other")),
      /no application that keeps to the contract: .*no record: 48545450/,
    );
  });

  for (const [server, only, code] of [
    ["good", "3.5/closes", 0],
    ["wrong", "5.3/whole-body", 1],
    ["other", "3.5/closes", 2],
    ["good", "no-such-case", 2],
  ] as const) {
    test(`ends with exit code ${code} for --only ${only} against the ${server} application`, async () => {
      const script = fileURLToPath(new URL("run.ts", import.meta.url));
      const args = ["--import", "tsx", script, "--target", `unix:${path(server)}`, "--only", only];
      const child = spawn(process.execPath, args, { stdio: "ignore" });
      assert.deepEqual(await once(child, "exit"), [code, null]);
    });
  }
});
