import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { FastCGIClient } from "../../src/client/index.ts";
import { makeFolder } from "../support/folders.ts";
import { findFreePort } from "../support/ports.ts";
import { read } from "../support/server.ts";
import { startConfigured, startProgram, writeProgram } from "./configured.ts";
import { skipReason } from "./target.ts";

const PROGRAM = "examples/cgi-function.ts";

function makeProgram(t: TestContext): string {
  const folder = makeFolder(t);
  return writeProgram(folder, PROGRAM);
}

async function assertFastCGI(target: number | string): Promise<void> {
  const client = new FastCGIClient(target);
  const params = { REQUEST_METHOD: "POST", REQUEST_URI: "/", QUERY_STRING: "q", CONTENT_LENGTH: "4" };
  const { body } = await read(await client.request(params, { body: "body" }));
  client.destroy();
  assert.equal(body, "body ; q\r\n");
}

async function assertHTTP(port: number, log: () => string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/app?q`, { method: "POST", body: "body" });
  assert.equal(await response.text(), "body ; q\r\n", log());
}

test("serves on the descriptor that spawn-fcgi hands over", { skip: skipReason("spawn-fcgi") }, async (t) => {
  const port = await findFreePort();
  await startProgram(t, port, "spawn-fcgi", [
    "-n",
    "-a",
    "127.0.0.1",
    "-p",
    String(port),
    "--",
    makeProgram(t),
  ]);
  await assertFastCGI(port);
});

test("serves on the socket of systemd-socket-activate, found by its name, too", {
  skip: skipReason("systemd-socket-activate"),
}, async (t) => {
  const port = await findFreePort();
  await startProgram(t, port, "systemd-socket-activate", ["-l", `127.0.0.1:${port}`, makeProgram(t)]);
  await assertFastCGI(port);
  const named = await findFreePort();
  const folder = makeFolder(t);
  const script = writeProgram(folder, "test/web-servers/named-socket.ts");
  const sockets = ["-l", `127.0.0.1:${named}`, "-l", `${folder}/other.sock`, "--fdname=web:other"];
  await startProgram(t, named, "systemd-socket-activate", [...sockets, script]);
  await assertFastCGI(named);
});

test("serves what lighttpd starts with bin-path", { skip: skipReason("lighttpd") }, async (t) => {
  const { port, log } = await startConfigured(t, "lighttpd", ({ folder }) => {
    return `server.modules = ( "mod_fastcgi" )
      fastcgi.server = ( "/app" => (( "bin-path" => "${writeProgram(folder, PROGRAM)}",
        "socket" => "${folder}/app.sock", "max-procs" => 1, "check-local" => "disable" )) )`;
  });
  await assertHTTP(port, log);
});

test("serves what mod_fcgid starts", { skip: skipReason("apache2") }, async (t) => {
  const { port, log } = await startConfigured(t, "apache", ({ folder }) => {
    return `ScriptAlias "/app" "${writeProgram(folder, PROGRAM)}"
      <Directory "${folder}">
        Options +ExecCGI
        SetHandler fcgid-script
      </Directory>\n`;
  });
  await assertHTTP(port, log);
});

test("serves what h2o starts", { skip: skipReason("h2o") }, async (t) => {
  const { port, log } = await startConfigured(t, "h2o", ({ folder, port: listen }) => {
    return `hosts:
  "localhost":
    listen:
      port: ${listen}
      host: 127.0.0.1
    paths:
      "/app":
        fastcgi.spawn: "exec ${writeProgram(folder, PROGRAM)}"
`;
  });
  await assertHTTP(port, log);
});
