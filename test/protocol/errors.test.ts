import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import * as errors from "../../src/protocol/errors.ts";

const { FastCGIError, RequestRefusedError, LimitError, ...others } = errors;
const classes = { RequestRefusedError, LimitError, ...others };

const instances: readonly InstanceType<typeof FastCGIError>[] = Object.values(classes).map(
  (ErrorClass) => new ErrorClass("broken", { cause: 7, protocolStatus: 2 }),
);

/** Texts of the files below a folder of the project, by name. */
function readFiles(folder: string, extension: string): Map<string, string> {
  const url = new URL(`../../${folder}/`, import.meta.url);
  if (!existsSync(url)) return new Map();
  const names = readdirSync(url, { recursive: true, encoding: "utf8" });
  return new Map(
    names
      .filter((name) => name.endsWith(extension))
      .map((name) => [name, readFileSync(new URL(name, url), "utf8")]),
  );
}

test("each error class has a name, a message, a cause and a code of its own", () => {
  for (const error of instances) {
    assert.ok(error instanceof FastCGIError && error instanceof Error);
    assert.deepEqual([error.message, error.cause], ["broken", 7]);
  }
  assert.deepEqual(
    instances.map((error) => error.name),
    Object.keys(classes),
  );
  assert.equal(new Set(instances.map((error) => error.code)).size, instances.length);
});

test("an error class fixes the type of its code", () => {
  const code: "ERR_FCGI_LIMIT" = new LimitError("too much").code;
  assert.equal(code, "ERR_FCGI_LIMIT");
});

test("a refusal has the protocol status of the application", () => {
  assert.equal(new RequestRefusedError("overloaded", { protocolStatus: 2 }).protocolStatus, 2);
});

test("the documentation's table of errors holds each code once, with its class", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const documented = [readme, ...readFiles("docs", ".md").values()]
    .flatMap((text) => [...text.matchAll(/^\| `(ERR_FCGI_\w+)` \| `?(\w+)`? \|/gm)])
    .map(([, code, name]) => `${code} ${name}`);
  assert.deepEqual(documented.sort(), instances.map(({ code, name }) => `${code} ${name}`).sort());
});

test("the source names no code that has no class", () => {
  const codes = new Set<string>(instances.map((error) => error.code));
  for (const [name, text] of readFiles("src", ".ts")) {
    for (const [code] of text.matchAll(/\bERR_FCGI_\w+/g)) assert.ok(codes.has(code), `${name}: ${code}`);
  }
});
