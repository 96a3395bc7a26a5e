import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { entryPoints, extractAPI, reportFile } from "./extract.ts";

const api = extractAPI();

describe("the public interface", () => {
  for (const entryPoint of entryPoints) {
    test(`of ${entryPoint} is the one that its report shows`, () => {
      assert.equal(
        api[entryPoint].report,
        readFileSync(reportFile(entryPoint), "utf8"),
        "a change of the public interface: run `npm run api`, and review the reports' difference",
      );
    });
  }
});
