/** README's quick start as a reader follows it: in an empty folder, with the packed package and stock web servers. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { get } from "node:http";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { FastCGIClient } from "../src/client/index.ts";
import { findFreePort, waitForListener } from "./support/ports.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");
const needs = (file: string): string | false =>
  existsSync(file) || process.env.CI_SERVERS ? false : `${file} is not installed`;

/** The first code block of a language that follows a text. */
function block(language: string, follows: string): string {
  const start = readme.indexOf(follows);
  assert.ok(start >= 0, follows);
  const code = new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, "m").exec(readme.slice(start))?.[1];
  return code ?? assert.fail(`README has no ${language} after ${follows}`);
}

/** GET / as for a host; over HTTP/1.1, on a connection of its own. */
async function fetchText(port: number, host: string, address = "127.0.0.1"): Promise<string> {
  const request = get({ host: address, port, headers: { Host: host }, agent: false });
  const [response] = await once(request, "response");
  return text(response);
}

/** Ends a process with the test. */
function endWith(t: TestContext, child: ChildProcess, signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): void {
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  });
}

describe("README's quick start in an empty folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "serve-fastcgi-quick-start-"));
  const project = join(folder, "project");

  before(() => {
    // Built apart: another test packs the package at the same time, and builds dist/ anew for that.
    const copy = join(folder, "package");
    for (const name of ["package.json", "README.md", "LICENSE", "CHANGELOG.md", "src", "examples"]) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [compiler, "-p", "src", "--outDir", join(copy, "dist")], { cwd: root });
    execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], {
      cwd: copy,
    });
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"))!;

    mkdirSync(project);
    const [install, count] = [/^npm install serve-fastcgi express$/m, "--offline --no-audit --no-fund"];
    const commands = block("sh", "## Install");
    assert.match(commands, install);
    execFileSync("sh", ["-ec", commands.replace(install, `npm install ${count} ../${tarball}`)], {
      cwd: project,
      stdio: "ignore",
    });
    // Nothing is fetched from the registry.
    symlinkSync(join(root, "node_modules/express"), join(project, "node_modules/express"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs a module of README with another port than its own; resolves with what it prints first. */
  async function run(
    t: TestContext,
    name: string,
    source: string,
    ports: Record<string, number>,
  ): Promise<{ child: ChildProcess; line: string }> {
    writeFileSync(join(project, name), withPorts(source, ports));
    const child = spawn(process.execPath, [name], { cwd: project, stdio: ["ignore", "pipe", "inherit"] });
    endWith(t, child);
    const [line] = await once(createInterface(child.stdout!), "line");
    return { child, line };
  }

  const withPorts = (source: string, ports: Record<string, number>): string =>
    Object.entries(ports).reduce((result, [from, to]) => result.replaceAll(from, String(to)), source);

  async function runApplication(
    t: TestContext,
  ): Promise<{ child: ChildProcess; line: string; port: number }> {
    const port = await findFreePort();
    const source = block("js", "Save this as `app.mjs`");
    return { ...(await run(t, "app.mjs", source, { 1234: port })), port };
  }

  test("prints where it listens, responds through the gateway, and ends on SIGTERM", async (t) => {
    const { child, line, port } = await runApplication(t);
    assert.equal(line, `FastCGI on 127.0.0.1:${port}`);
    const http = await findFreePort();
    const gateway = await run(t, "gateway.mjs", block("js", "`gateway.mjs`"), { 1234: port, 8080: http });
    assert.equal(gateway.line, `http://localhost:${http}/`);
    const response = await fetch(gateway.line);
    assert.match(await response.text(), /^Hello (127\.0\.0\.1|::1), over http\n$/);
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  });

  test("finds examples in the package, which run from there", async (t) => {
    const port = await findFreePort();
    const program = "node_modules/serve-fastcgi/examples/mount.ts";
    const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), program], {
      cwd: project,
      env: { ...process.env, PORT: String(port) },
      stdio: "inherit",
    });
    endWith(t, child);
    await waitForListener(
      port,
      once(child, "exit").then(() => {}),
      10_000,
    );
    const client = new FastCGIClient(port);
    t.after(() => client.destroy());
    const response = await client.request({ REQUEST_METHOD: "GET", REQUEST_URI: "/app/users" });
    assert.equal(response.statusCode, 200);
    response.body.resume();
  });

  const isRoot = process.getuid?.() === 0;
  const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ address }) => address === "::1"),
  );
  const skipNginx =
    needs("/etc/nginx/nginx.conf") ||
    (isRoot ? false : "Debian's nginx.conf is for root") ||
    (hasIPv6 ? false : "Debian's default site needs IPv6");

  test("works in Debian's nginx beside the default site", { skip: skipNginx }, async (t) => {
    const { port } = await runApplication(t);
    const stock = join(folder, "nginx");
    // cpSync() of Node.js 26 copies the links in a folder as links: what is written to them would change the originals.
    execFileSync("cp", ["--recursive", "--dereference", "/etc/nginx", stock]);
    const http = await findFreePort();
    const site = block("nginx", "Put **nginx** in front");
    assert.ok(site.includes("/etc/nginx/fastcgi_params"));
    writeFileSync(join(stock, "conf.d/app.conf"), site.replace("1234", String(port)));
    for (const name of ["nginx.conf", "conf.d/app.conf", "sites-enabled/default"]) {
      const file = join(stock, name);
      const moved = readFileSync(file, "utf8")
        .replaceAll("/etc/nginx/", `${stock}/`)
        .replaceAll(/listen (\[::\]:)?80\b/g, `listen $1${http}`)
        .replaceAll(/\/run\/nginx.pid|\/var\/log\/nginx\/\w+\.log/g, (path) =>
          join(folder, path.replaceAll("/", "-")),
        );
      writeFileSync(file, moved);
    }
    const child = spawn("nginx", ["-e", "stderr", "-c", join(stock, "nginx.conf"), "-g", "daemon off;"], {
      stdio: "ignore",
    });
    // It takes its workers along.
    endWith(t, child, "SIGTERM");
    const exited = once(child, "exit").then(() => {});
    await waitForListener(http, exited, 10_000);
    assert.equal(await fetchText(http, "localhost"), "Hello 127.0.0.1, over http\n");
    assert.equal(await fetchText(http, "localhost", "::1"), "Hello ::1, over http\n");
    assert.doesNotMatch(await fetchText(http, "other.example"), /^Hello/);
    child.kill("SIGQUIT");
    await exited;
  });

  test("works in Caddy", { skip: needs("/usr/bin/caddy") }, async (t) => {
    const { port } = await runApplication(t);
    const http = await findFreePort();
    const source = withPorts(block("", "Or **Caddy**"), { 1234: port, 8080: http });
    // Beside the block only what keeps it out of the way of other tests.
    writeFileSync(join(folder, "Caddyfile"), `{\n\tadmin off\n}\nimport site\n`);
    writeFileSync(join(folder, "site"), source);
    const child = spawn("caddy", ["run", "--adapter", "caddyfile", "--config", "Caddyfile"], {
      cwd: folder,
      env: { ...process.env, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
      stdio: "ignore",
    });
    endWith(t, child);
    const exited = once(child, "exit").then(() => {});
    await waitForListener(http, exited, 10_000);
    assert.equal(await fetchText(http, "localhost"), "Hello 127.0.0.1, over http\n");
    child.kill("SIGTERM");
    await exited;
  });
});
