/**
 * Sends seeded, mutated FastCGI sessions to a live server.
 *
 *   npm run fuzz                                 a million inputs
 *   npm run fuzz -- --seconds 20                 as many as the time allows
 *   npm run fuzz -- --seed 7 --count 50000
 *   npm run fuzz -- --seed 7 --only 1234         one input again
 *   npm run fuzz -- --target client              the client with a hostile application: 100,000 sessions
 *   npm run fuzz -- --target gateway             the gateway against node:http: 20,000 requests
 *
 * What is looked at: every byte of a response is a record that may be there, no connection has too much waiting, and
 * its messages close with it; after each 2,000 inputs the process lives and has printed nothing, a plain request
 * gets a response, no connection, request or queued byte is left, and heap and Buffers are back where they were.
 * A finding is kept as a file of regressions/, which live.test.ts plays from then on.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fuzzClient } from "./client-fuzzer.ts";
import { Fuzzer } from "./fuzzer.ts";
import { fuzzGateway } from "./gateway-fuzzer.ts";
import { makeInput } from "./input.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string" },
    only: { type: "string" },
    seconds: { type: "string" },
    target: { type: "string", default: "server" },
  },
});
const seed = Number(values.seed);
const first = Number(values.only ?? 0);
if (values.target === "client") await runSessions(fuzzClient, 100_000);
else if (values.target === "gateway") await runSessions(fuzzGateway, 20_000);
else if (values.target !== "server") throw new Error(`there is no target ${values.target}`);

async function runSessions(fuzz: typeof fuzzClient, most: number): Promise<never> {
  const all = values.seconds === undefined ? most : Number.POSITIVE_INFINITY;
  const number = values.only === undefined ? Number(values.count ?? all) : 1;
  const report = await fuzz(seed, first, number, Number(values.seconds ?? Number.POSITIVE_INFINITY));
  for (const { index, problem } of report.findings) {
    console.log(`FINDING seed ${seed}, session ${index}: ${problem}`);
  }
  console.log(
    `${values.target}, seed ${seed}: ${report.inputs} sessions in ${report.seconds.toFixed(0)} s, ` +
      `${report.findings.length} findings, heap ${(report.heapGrowth / 1_048_576).toFixed(1)} MiB above the first 1,000`,
  );
  process.exit(report.findings.length > 0 ? 1 : 0);
}

const unlimited = values.seconds === undefined ? 1_000_000 : Number.POSITIVE_INFINITY;
const count = values.only === undefined ? Number(values.count ?? unlimited) : 1;
const fuzzer = new Fuzzer();
await fuzzer.start();
try {
  const report = await fuzzer.run(seed, first, count, Number(values.seconds ?? Number.POSITIVE_INFINITY));
  for (const { index, problem } of report.findings) {
    console.log(`FINDING seed ${seed}, input ${index}: ${problem}`);
    const { bytes, ...input } = makeInput(seed, index);
    const file = fileURLToPath(new URL(`regressions/${seed}-${index}.json`, import.meta.url));
    writeFileSync(file, `${JSON.stringify({ problem, ...input, bytes: bytes.toString("hex") }, null, 2)}\n`);
  }
  if (fuzzer.output !== "") console.log(`the server printed:\n${fuzzer.output}`);
  const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
  console.log(
    `seed ${seed}: ${report.inputs} inputs in ${report.seconds.toFixed(0)} s, ${report.findings.length} findings, ` +
      `heap ${mebibytes(report.heapGrowth)}, Buffers ${mebibytes(report.bufferGrowth)} and RSS ${mebibytes(report.rssGrowth)} above the first 2,000`,
  );
  if (report.findings.length > 0 || fuzzer.output !== "") process.exitCode = 1;
} finally {
  await fuzzer.stop();
}
