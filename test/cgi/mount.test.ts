import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { readPrefix, splitMount, splitScriptName } from "../../src/cgi/mount.ts";
import { decodeNameValuePairs, RecordParser, RecordType } from "../../src/protocol/index.ts";

test("takes a prefix off, segment by segment", () => {
  for (const [target, url, baseUrl = "/app"] of [
    ["/app/users", "/users"],
    ["/app/", "/"],
    ["/app", "/"],
    ["/app?x=1", "/?x=1"],
    ["/app/a%2Fb?u=/app/x", "/a%2Fb?u=/app/x"],
    ["/app//x", "//x"],
    ["/%61pp/x", "/x", "/%61pp"],
    ["http://example.com/app/x", "http://example.com/x"],
    ["http://example.com/app?x", "http://example.com/?x"],
  ] as const) {
    assert.deepEqual(splitMount(target, "/app"), { baseUrl, url }, target);
  }
});

test("look-alikes and encoded slashes are not under the prefix", () => {
  for (const target of [
    "/apple",
    "/apple/x",
    "/app%2Fx",
    "/ap",
    "/",
    "/x/app",
    "/APP/x",
    "//app/x",
    "*",
    "/%E0%A4%A/x",
  ]) {
    assert.equal(splitMount(target, "/app"), undefined, target);
  }
});

test("a prefix may have several segments, and characters that are encoded in a URL", () => {
  assert.deepEqual(splitMount("/a/b%20c/d", "/a/b c"), { baseUrl: "/a/b%20c", url: "/d" });
  assert.deepEqual(splitMount("/%C3%BC/d", "/ü"), { baseUrl: "/%C3%BC", url: "/d" });
  assert.equal(splitMount("/a", "/a/b"), undefined);
  assert.deepEqual(splitMount("/x", readPrefix("/")), { baseUrl: "", url: "/x" });
  assert.equal(readPrefix("/app/"), "/app");
  assert.throws(() => readPrefix("app"), /option mount is "app": give a path that begins with a slash/);
});

test("believes SCRIPT_NAME only where it is a true prefix", () => {
  assert.deepEqual(splitScriptName("/app/x", "/app"), { baseUrl: "/app", url: "/x" });
  assert.deepEqual(splitScriptName("/b%20r/x", "/b r"), { baseUrl: "/b%20r", url: "/x" });
  for (const [target, scriptName] of [
    ["/app/x", "/app/x"],
    ["/app/", "/app/"],
    ["/app", "/app"],
    ["/app?x=1", "/app"],
    ["/app/x", ""],
    ["/app/x", "/other"],
    ["/apple/x", "/app"],
    ["/app%2Fx", "/app"],
  ] as const) {
    assert.equal(splitScriptName(target, scriptName), undefined, `${target} ${scriptName}`);
  }
});

const folder = new URL("../fixtures/", import.meta.url);

/** The variables of the first request that a web server sent. */
function paramsOf(server: string, file: string): Map<string, string> {
  const params: Buffer[] = [];
  for (const record of new RecordParser().push(readFileSync(new URL(`${server}/${file}.bin`, folder)))) {
    if (record.type === RecordType.PARAMS) params.push(record.content);
  }
  return new Map(decodeNameValuePairs(Buffer.concat(params), "latin1"));
}

/** The requests in which SCRIPT_NAME is a mount prefix, in the configurations that the fixtures come from. */
const mountedByName: Readonly<Record<string, readonly string[]>> = {
  nginx: ["prefix", "prefix-slash"],
  caddy: ["prefix", "prefix-slash"],
  apache: ["mount--prefix", "mount--prefix-slash", "sethandler--apple", "sethandler--prefix"],
  lighttpd: ["apple", "nofix--apple", "nofix--prefix", "prefix", "prefix-slash"],
  haproxy: ["prefix", "prefix-slash"],
  h2o: [],
};

for (const [server, byName] of Object.entries(mountedByName)) {
  test(`tells what ${server} sends from below /app from what looks like it`, () => {
    const files = readdirSync(new URL(`${server}/`, folder))
      .map((file) => file.replace(/\.bin$/, ""))
      .filter((file) => /(^|--)(apple|prefix|prefix-slash|prefix-bare|enc-slash)$/.test(file));
    assert.ok(files.length >= 4);
    const found: string[] = [];
    for (const file of files) {
      const params = paramsOf(server, file);
      const target = params.get("REQUEST_URI")!;
      const mounted = splitMount(target, "/app");
      assert.equal(mounted !== undefined, file.includes("prefix"), `${file} ${target}`);
      if (mounted !== undefined) {
        assert.deepEqual(mounted, { baseUrl: "/app", url: target.slice(4).replace(/^(?!\/)/, "/") });
      }
      const split = splitScriptName(target, params.get("SCRIPT_NAME") ?? "");
      if (split === undefined) continue;
      assert.equal(split.baseUrl + split.url, target);
      assert.equal(split.baseUrl, params.get("SCRIPT_NAME"));
      found.push(file);
    }
    assert.deepEqual(found.sort(), byName);
  });
}
