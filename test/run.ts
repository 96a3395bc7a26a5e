/**
 * Runs test files: `npm test` all of them but those against real web servers, `npm test -- http listen/unix` those whose
 * paths below test/ begin with one of the arguments, `npm run test:servers` those against web servers, one at a time.
 *
 * Files are found by their names, as `node --test` of Node.js 20 knows no patterns: no folder can be left out.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const WEB_SERVERS = "web-servers";
const folder = fileURLToPath(new URL(".", import.meta.url));
const prefixes = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const options = process.argv.slice(2).filter((argument) => argument.startsWith("-"));

const all = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) =>
  file.replaceAll("\\", "/"),
);
const files = all
  .filter((file) => file.endsWith(".test.ts"))
  .filter((file) =>
    prefixes.length > 0 ? prefixes.some((prefix) => file.startsWith(prefix)) : !file.startsWith(WEB_SERVERS),
  )
  .sort();
if (files.length === 0) {
  console.error(`no test file below test/ begins with ${prefixes.join(" or ")}`);
  process.exit(2);
}

// Web servers share ports and memory: one file after the other.
const concurrency = files.some((file) => file.startsWith(WEB_SERVERS)) ? 1 : 2;
const { status, signal } = spawnSync(
  process.execPath,
  [
    ...["--import", "tsx", "--test", `--test-concurrency=${concurrency}`, ...options],
    ...files.map((file) => `${folder}${file}`),
  ],
  { stdio: "inherit" },
);
if (signal) console.error(`ended by ${signal}`);
process.exit(status ?? 1);
