import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { markdown, table } from "./report.ts";
import { type Result, run } from "./runner.ts";
import { sections } from "./sections.ts";
import { measure, serveFastCGI } from "./targets.ts";

describe("conformance of serve-fastcgi", () => {
  let results: Result[] = [];
  before(async () => {
    results = await measure(serveFastCGI);
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
  /** Answers whatever comes with bytes that are no record, and closes. */
  const broken = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  });
  before(() => once(broken.listen(0, "127.0.0.1"), "listening"));
  after(() => broken.close());

  const port = (): number => {
    const address = broken.address();
    return typeof address === "object" && address ? address.port : 0;
  };

  test("has at least 150 cases, each with an id and a title of its own", () => {
    const cases = sections.flatMap((section) => section.cases);
    assert.ok(cases.length >= 150, String(cases.length));
    assert.equal(new Set(cases.map(({ id }) => id)).size, cases.length);
    assert.equal(new Set(cases.map(({ section, title }) => section + title)).size, cases.length);
  });

  test("passes nothing that answers with bytes that are no record", async () => {
    const target = { address: { host: "127.0.0.1", port: port() }, params: [], timeoutMs: 500 };
    const results = await run(target, { only: "3.4", patienceMs: 0 });
    assert.deepEqual(
      results.filter(({ outcome }) => outcome === "pass"),
      [],
    );
    assert.match(table(results), /^total +0 of \d+ +0 of \d+$/m);
    assert.match(
      markdown([{ name: "broken", results }]),
      /^\| \*\*all\*\* \| \d+ \| MUST 0\/\d+, SHOULD 0\/\d+ \|$/m,
    );
  });

  for (const [only, code] of [
    ["no-such-case", 2],
    ["3.5/1", 1],
  ] as const) {
    test(`ends with exit code ${code} for --only ${only} against a broken application`, async () => {
      const script = fileURLToPath(new URL("run.ts", import.meta.url));
      const target = `tcp:127.0.0.1:${port()}`;
      const args = ["--import", "tsx", script, "--target", target, "--only", only, "--patience", "0"];
      const child = spawn(process.execPath, args, { stdio: "ignore" });
      assert.deepEqual(await once(child, "exit"), [code, null]);
    });
  }
});
