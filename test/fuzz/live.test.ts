import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Fuzzer } from "./fuzzer.ts";
import type { Input } from "./input.ts";

describe("a live server under fuzzed input", () => {
  const fuzzer = new Fuzzer();
  before(() => fuzzer.start());
  after(() => fuzzer.stop());

  test("responds only with records that may be there, and lives", async () => {
    const report = await fuzzer.run(1, 0, 4000, 30);
    assert.deepEqual(report.findings, []);
    assert.equal(report.inputs, 4000);
    assert.equal(fuzzer.output, "");
  });

  test("bears every input that once broke a rule", async () => {
    const folder = new URL("regressions/", import.meta.url);
    for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
      const kept = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
      const input: Input = { ...kept, bytes: Buffer.from(kept.bytes, "hex") };
      assert.equal(await fuzzer.play(input), undefined, file);
      assert.equal(await fuzzer.checkServer(), undefined, file);
    }
    assert.equal(fuzzer.output, "");
  });
});
