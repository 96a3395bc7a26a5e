import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { FastCGIServer } from "../../src/index.ts";
import { Link } from "../support/link.ts";
import { head, request } from "../support/request.ts";
import { startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const connections = (server: FastCGIServer): Promise<number> =>
  new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });

describe("server.close()", () => {
  test("closes idle connections, lets a running request finish, then emits close", async (t) => {
    let respond = (): void => {};
    const { open, server } = await startServer(t, {}, (req, res) => {
      if (req.url === "/run") respond = () => void res.end("finished");
      else res.end("hello");
    });
    const [idle, busy] = [await open(), await open()];
    idle.send(request(1));
    await idle.response(1);
    const begun = once(server, "request");
    busy.send(request(1, { url: "/run" }));
    await begun;
    assert.equal(await connections(server), 2);
    const closed = once(server, "close");
    server.close();
    assert.equal(server.listening, false);
    await idle.closed();
    assert.equal(busy.isClosed, false);
    respond();
    assert.equal((await busy.response(1)).text, "finished");
    await Promise.all([busy.closed(), closed]);
    assert.equal(await connections(server), 0);
  });

  test("responds to a request that is on its way already", async (t) => {
    const { open, server } = await startServer(t, {}, (_req, res) => void res.end("hello"));
    const link = await open();
    link.send(request(1));
    await link.response(1);
    // Written, but not read by the server, when it closes.
    link.send(request(1));
    server.close();
    assert.equal((await link.response(1)).text, "hello");
    await link.closed();
  });

  test("aborts what still runs after shutdownTimeout", async (t) => {
    const { open, server } = await startServer(t, { shutdownTimeout: 30 }, () => {});
    const link = await open();
    const begun = once(server, "request");
    link.send(request(1));
    const [req] = await begun;
    const aborted = new Promise((resolve) => req.on("close", resolve));
    const closed = once(server, "close");
    server.close();
    await Promise.all([aborted, closed, link.closed()]);
    assert.equal(link.hasEnded(1), false);
  });

  test("calls back with ERR_SERVER_NOT_RUNNING when it was closed already, as node:http does", async (t) => {
    const { server } = await startServer(t, {}, () => {});
    server.close();
    await once(server, "close");
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => server.close(resolve));
    assert.equal(error?.code, "ERR_SERVER_NOT_RUNNING");
  });
});

test("closeIdleConnections closes idle ones only, closeAllConnections all", async (t) => {
  const { open, server } = await startServer(t, {}, (req, res) => {
    req.on("error", () => {});
    if (req.url === "/") res.end("hello");
  });
  const [idle, busy, half] = [await open(), await open(), await open()];
  idle.send(request(1));
  await idle.response(1);
  half.send(request(1));
  await half.response(1);
  half.send(wire.begin(1, 1));
  const begun = once(server, "request");
  busy.send(head(1, { url: "/hang" }));
  await begun;
  server.closeIdleConnections();
  await idle.closed();
  // One that has begun a request is not idle.
  half.send(request(1).subarray(16));
  assert.equal((await half.response(1)).text, "hello");
  assert.equal(busy.isClosed, false);
  server.closeAllConnections();
  await Promise.all([busy.closed(), half.closed()]);
});

describe("signals: true", () => {
  async function start(kind: string): Promise<{ child: ChildProcess; link: Link }> {
    const file = fileURLToPath(new URL("signals-application.ts", import.meta.url));
    const child = spawn(process.execPath, ["--import", "tsx", file, kind], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const [port] = await once(child, "message");
    return { child, link: await Link.open({ host: "127.0.0.1", port }, 10_000) };
  }

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} lets the running request finish, then the process ends with status 0`, async () => {
      const { child, link } = await start("signals");
      link.send(request(1));
      await link.output(1, "begun");
      const closing = once(child, "message");
      child.kill(signal);
      await closing;
      const exited = once(child, "exit");
      child.send("respond");
      assert.match((await link.response(1)).text, /begun, finished/);
      assert.deepEqual(await exited, [0, null]);
      link.destroy();
    });
  }

  test("an idle process ends at once", async () => {
    const { child, link } = await start("signals");
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
    link.destroy();
  });

  test("a second signal ends the process whatever runs", async () => {
    const { child, link } = await start("signals");
    link.send(request(1));
    await link.output(1, "begun");
    const closing = once(child, "message");
    child.kill("SIGTERM");
    await closing;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [null, "SIGTERM"]);
    link.destroy();
  });

  test("without it a signal ends the process as ever", async () => {
    const { child, link } = await start("none");
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [null, "SIGTERM"]);
    link.destroy();
  });
});
