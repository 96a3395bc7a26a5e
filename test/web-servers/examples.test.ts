import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { examples } from "./examples.ts";
import { webServers } from "./web-servers.ts";

const folder = fileURLToPath(new URL("../../examples/", import.meta.url));

test("every configuration in examples/ is tested", () => {
  const files = Object.keys(webServers).flatMap((name) =>
    fs.readdirSync(folder + name).map((file) => `${name}/${file}`),
  );
  assert.deepEqual(files.filter((file) => !file.endsWith("README.md")).sort(), Object.keys(examples).sort());
});

for (const [example, replacements] of Object.entries(examples)) {
  test(`examples/${example} still contains what the tests replace`, () => {
    const text = fs.readFileSync(folder + example, "utf8");
    for (const from of Object.keys(replacements)) assert.ok(text.includes(from), from);
  });
}

test("every README of examples/ names all files beside it", () => {
  for (const name of Object.keys(webServers)) {
    const text = fs.readFileSync(`${folder}${name}/README.md`, "utf8");
    for (const file of fs.readdirSync(folder + name)) {
      if (file !== "README.md") assert.ok(text.includes(`(${file})`), `examples/${name}/README.md: ${file}`);
    }
  }
});
