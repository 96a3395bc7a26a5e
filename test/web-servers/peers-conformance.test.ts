/**
 * The conformance suite against FastCGI applications of other people, for the comparative table. Nothing fails on
 * what they do; the table is printed. `CI_SERVERS=1 npx tsx test/web-servers/peers-conformance.test.ts --failures` lists the cases.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Column, failures, markdown } from "../fastcgi-suite/report.ts";
import { sections } from "../fastcgi-suite/sections.ts";
import { measure, peers, serveFastCGI } from "../fastcgi-suite/targets.ts";

const installed = [serveFastCGI, ...peers].filter((application) => application.version() !== undefined);

const skip = process.env.CI_SERVERS ? false : "set CI_SERVERS=1 to compare with other FastCGI applications";

test("the conformance suite runs to its end against other FastCGI applications", { skip }, async (t) => {
  const columns: Column[] = [];
  // One after the other: an application that has the machine to itself is not failed for being slow.
  for (const application of installed) {
    const results = await measure(application, { timeoutMs: 1500 });
    columns.push({ name: `${application.name} ${application.version()}`.trim(), results });
  }
  const expected = sections.flatMap(({ cases }) => cases).length;
  for (const { name, results } of columns) assert.equal(results.length, expected, name);
  for (const line of markdown(columns).split("\n")) t.diagnostic(line);
  if (process.argv.includes("--failures")) {
    for (const line of failures(columns).split("\n")) t.diagnostic(line);
  }
});
