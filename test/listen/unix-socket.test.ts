import assert from "node:assert/strict";
import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer as createNetServer } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { FastCGIClient } from "../../src/client/index.ts";
import { createServer } from "../../src/index.ts";
import { bindUnixSocket } from "../../src/listen/unix-socket.ts";
import { makeFolder } from "../support/folders.ts";
import { GET, read } from "../support/server.ts";
import type { Order, Outcome } from "./contender.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const index = JSON.stringify(new URL("../../src/index.ts", import.meta.url).href);
const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === "linux";

/** Makes a socket file whose server is gone. */
async function makeDeadSocket(path: string): Promise<void> {
  const server = createNetServer().listen(`${path}.x`);
  renameSync(`${path}.x`, path);
  server.close();
  await once(server, "close");
}

async function tell(child: ChildProcess, order: Order): Promise<Outcome> {
  const reply = once(child, "message");
  child.send(order);
  return (await reply)[0] as Outcome;
}

/** Runs a program under an umask, and gives what it prints. */
function runProgram(t: TestContext, program: string, umask: number): string {
  const file = join(makeFolder(t), "program.mjs");
  writeFileSync(file, program);
  const before = process.umask(umask);
  const { stdout } = spawnSync(process.execPath, ["--import", "tsx", file], {
    encoding: "utf8",
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.umask(before);
  return stdout;
}

describe("programs that start at once over a dead socket", {
  skip: !isLinux && "the lock is Linux's",
}, () => {
  // FCGI_ROUNDS=300 looks longer.
  const rounds = Number(process.env.FCGI_ROUNDS ?? 60);
  test(`one of four listens and is reached, the others get EADDRINUSE, in ${rounds} rounds`, async (t) => {
    const folder = makeFolder(t);
    const path = join(folder, "app.sock");
    const program = fileURLToPath(new URL("contender.ts", import.meta.url));
    const children = Array.from({ length: 4 }, () => fork(program, { execArgv: ["--import", "tsx"] }));
    t.after(() => {
      for (const child of children) child.kill();
    });
    await Promise.all(children.map((child) => once(child, "message")));
    for (let round = 0; round < rounds; round++) {
      await makeDeadSocket(path);
      const instant = Date.now() + 10;
      const outcomes = await Promise.all(children.map((child) => tell(child, { path, instant })));
      const listening = children.filter((_child, index) => outcomes[index]?.isListening);
      assert.equal(listening.length, 1, `round ${round}`);
      for (const { isListening, code, message = "" } of outcomes) {
        if (isListening) continue;
        assert.equal(code, "EADDRINUSE");
        assert.match(message, /another server listens there/);
      }
      const client = new FastCGIClient(path);
      assert.equal((await read(await client.request(GET))).body, String(listening[0]?.pid));
      client.destroy();
      await Promise.all(children.map((child) => tell(child, { path })));
      assert.deepEqual(readdirSync(folder), []);
    }
  });
});

describe("owner and mode of a unix socket", () => {
  /** Binds, and puts something else in the place of the socket before its owner is set. */
  const replaceAfterBind = (t: TestContext, path: string, replace: () => void): void => {
    const server = createNetServer();
    t.after(() => server.close());
    const gid = process.getgid?.() ?? 0;
    bindUnixSocket({ path, mode: 0o666, group: isRoot ? 1 : gid }, () => {
      server.listen(path);
      unlinkSync(path);
      replace();
      return server.listening;
    });
  };

  for (const [name, place] of [
    ["a symbolic link", symlinkSync],
    ["a second name of a file", linkSync],
    ["a second name of a socket", linkSync],
  ] as const) {
    test(`${name} in the place of the socket is not followed`, async (t) => {
      const folder = makeFolder(t);
      const path = join(folder, "app.sock");
      const victim = join(folder, "victim");
      if (name.endsWith("socket")) await makeDeadSocket(victim);
      else writeFileSync(victim, "");
      const before = statSync(victim);
      assert.throws(() => replaceAfterBind(t, path, () => place(victim, path)), {
        code: isLinux || name !== "a symbolic link" ? "EPERM" : /./,
      });
      const { uid, gid, mode } = statSync(victim);
      assert.deepEqual([uid, gid, mode], [before.uid, before.gid, before.mode]);
    });
  }

  test("a symbolic link at the path is left alone", async (t) => {
    const folder = makeFolder(t);
    const path = join(folder, "app.sock");
    symlinkSync(join(folder, "nowhere"), path);
    const [error] = await once(createServer().listen({ path, mode: 0o600 }), "error");
    assert.match(error.message, /it is a symbolic link, not a socket/);
    assert.ok(lstatSync(path).isSymbolicLink());
  });

  test("the owner is set while nobody else may connect, and the mode after it", {
    skip: spawnSync("strace", ["-V"]).status !== 0 && "strace is not installed",
  }, (t) => {
    const path = join(makeFolder(t), "app.sock");
    const group = isRoot ? 1 : process.getgid?.();
    const program = `import { createServer } from ${index};
      createServer().listen({ path: ${JSON.stringify(path)}, mode: 0o660, group: ${group} }, () => process.exit());`;
    const trace = ["-f", "-e", "trace=umask,bind,/.*chown.*,/.*chmod.*", process.execPath];
    const { stderr } = spawnSync(
      "strace",
      [...trace, "--import", "tsx", "--input-type=module", "-e", program],
      { encoding: "utf8", cwd: root },
    );
    assert.match(
      stderr,
      /umask\(0177\).*bind\([^\n]*app\.sock.*umask\(.*chown\("\/proc\/self\/fd\/.*chmod\("\/proc\/self\/fd\/\d+", 0660\)/s,
    );
    assert.doesNotMatch(stderr, /ch(mod|own)\([^)]*app\.sock/);
  });

  test("the owner may be set without a mode, which the umask then decides", (t) => {
    const path = join(makeFolder(t), "app.sock");
    const before = process.umask(0o027);
    const server = createServer().listen({ path, group: isRoot ? 1 : (process.getgid?.() ?? 0) });
    process.umask(before);
    t.after(() => server.close());
    assert.equal(statSync(path).mode & 0o777, 0o750);
  });

  test("a worker thread sets the mode, and refuses to where others could connect before", (t) => {
    const path = join(makeFolder(t), "app.sock");
    const run = (umask: number): string =>
      runProgram(
        t,
        `import { statSync } from "node:fs";
        import { isMainThread, Worker } from "node:worker_threads";
        import { tsImport } from ${JSON.stringify(import.meta.resolve("tsx/esm/api"))};
        if (isMainThread) {
          new Worker(new URL(import.meta.url));
        } else {
          const { createServer } = await tsImport(${index}, import.meta.url);
          const server = createServer().listen({ path: ${JSON.stringify(path)}, mode: 0o640 });
          server.on("error", (error) => console.log(error.code, error.message));
          server.on("listening", () => {
            console.log((statSync(server.address()).mode & 0o777).toString(8));
            server.close();
          });
        }`,
        umask,
      );
    assert.equal(run(0o022), "640\n");
    assert.equal(existsSync(path), false);
    assert.match(
      run(0o002),
      /^EPERM .*a worker thread cannot change the umask.*start the process with umask 022\n$/,
    );
    assert.equal(existsSync(path), false);
  });

  test("the workers of a cluster share a socket with its mode, and remove it in the end", (t) => {
    const path = join(makeFolder(t), "app.sock");
    const run = (umask: number): string =>
      runProgram(
        t,
        `import { createServer } from ${index};
        import cluster from "node:cluster";
        import { statSync } from "node:fs";
        if (cluster.isPrimary) {
          const workers = [cluster.fork(), cluster.fork()];
          let count = 0;
          cluster.on("message", () => {
            if (++count === 2) for (const worker of workers) worker.send("close");
          });
        } else {
          const server = createServer().listen({ path: ${JSON.stringify(path)}, mode: 0o600 });
          server.on("error", (error) => { console.log(error.code, error.message); process.disconnect(); });
          server.on("listening", () => {
            console.log((statSync(server.address()).mode & 0o777).toString(8));
            process.send("listening");
          });
          process.on("message", () => server.close(() => process.disconnect()));
        }`,
        umask,
      );
    assert.equal(run(0o022), "600\n600\n");
    assert.equal(existsSync(path), false);
    assert.match(run(0o002), /^(EPERM .*a worker of a cluster cannot change the umask.*umask 022\n){2}$/);
    assert.equal(existsSync(path), false);
  });
});
