import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request as requestHTTP } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { connect as connectTLS } from "node:tls";
import { fileURLToPath } from "node:url";
import { ProtocolError } from "../../src/index.ts";
import { request } from "../support/request.ts";
import { startServer } from "../support/server.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const index = JSON.stringify(new URL("../../src/index.ts", import.meta.url).href);
const EXPLANATION = /^this port speaks FastCGI: use fastcgi_pass \(nginx\), transport fastcgi \(Caddy\), /;

/** Runs a server in a process of its own; `ask` gets its port. */
async function observe(
  program: string,
  ask: (port: number) => Promise<void>,
  env: Record<string, string> = {},
): Promise<string> {
  const source = `import { createServer } from ${index};
    const server = createServer((_req, res) => res.end("hello"));
    ${program}
    server.listen(0, () => console.log(server.address().port));
    process.stdin.on("end", () => { server.close(); server.closeAllConnections(); }).resume();`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], {
    cwd: root,
    env: { ...process.env, ...env },
  });
  const stderr = text(child.stderr);
  const [port] = await once(child.stdout, "data");
  await ask(Number(port));
  child.stdin.end();
  return stderr;
}

/** Sends bytes, and reads until the server closes the connection. */
async function roundTrip(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(bytes);
  return text(socket);
}

describe("HTTP on a FastCGI port", () => {
  test("gets 400 with a hint; clientError is emitted when the connection is closed", async (t) => {
    const { port, server } = await startServer(t, {}, () => {});
    const heard = once(server, "clientError");
    const req = requestHTTP({ port, host: "127.0.0.1", path: "/path", agent: false });
    req.end();
    const [res] = await once(req, "response");
    assert.equal(res.statusCode, 400);
    assert.match(await text(res), EXPLANATION);
    const [error, socket] = await heard;
    assert.ok(error instanceof ProtocolError);
    assert.equal(error.code, "ERR_FCGI_PROTOCOL");
    assert.equal(socket.destroyed, true);
  });

  test("gets the response without a reset although its body is not read", async (t) => {
    const { port } = await startServer(t, {}, () => {});
    for (const length of [0, 1, 65_536, 900_000]) {
      const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;
      assert.match(
        await roundTrip(port, head + "x".repeat(length)),
        /^HTTP\/1\.1 400 .*this port speaks FastCGI/s,
      );
    }
  });

  test("is recognized by its method", async (t) => {
    const { port } = await startServer(t, {}, () => {});
    assert.match(await roundTrip(port, "GET /"), /^HTTP\/1\.1 400 /);
    assert.match(await roundTrip(port, "M-SEARCH * HTTP/1.1"), /^HTTP\/1\.1 400 /);
    assert.equal(await roundTrip(port, "SSH-2.0-OpenSSH_9.2\r\n").catch(() => ""), "");
    assert.match(await roundTrip(port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), /^HTTP\/1\.1 400 /);
  });

  test("is drained for a second, and up to 1 MiB", async (t) => {
    const { port, server } = await startServer(t, {}, () => {});
    const silent = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    silent.on("error", () => {}).resume();
    silent.write("GET / HTTP/1.1\r\n");
    await once(server, "clientError");
    silent.destroy();
    const endless = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const heard = once(server, "clientError");
    endless.on("error", () => {}).resume();
    endless.write(Buffer.alloc(8_388_608, "GET "));
    const [, socket] = await heard;
    assert.ok(socket.bytesRead < 4_194_304, `${socket.bytesRead}`);
    endless.destroy();
  });

  test("gets no HTTP response after FastCGI on the same connection", async (t) => {
    const { open, server } = await startServer(t, {}, (_req, res) => void res.end("hello"));
    const link = await open();
    link.send(request(1));
    await link.response(1);
    const heard = once(server, "clientError");
    link.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    assert.equal((await heard)[0].code, "ERR_FCGI_PROTOCOL");
    await link.closed();
  });

  test("does not affect other connections", async (t) => {
    const { port, open } = await startServer(t, {}, (_req, res) => void res.end("hello"));
    const link = await open();
    await roundTrip(port, "GET / HTTP/1.1\r\n\r\n");
    link.send(request(1));
    assert.equal((await link.response(1)).text, "hello");
  });
});

describe("a web server that is not configured for FastCGI", () => {
  const sendTLS = (port: number): Promise<void> =>
    new Promise((resolve) => {
      connectTLS({ port, host: "127.0.0.1" }).on("error", () => resolve());
    });

  test("is reported in one line on stderr, once", async () => {
    const ask = async (port: number): Promise<void> => {
      await roundTrip(port, "GET / HTTP/1.1\r\n\r\n");
      await roundTrip(port, "GET / HTTP/1.1\r\n\r\n");
      await sendTLS(port);
    };
    assert.match(
      await observe("", ask),
      /^serve-fastcgi: HTTP was sent to FastCGI's port \d+ by 127\.0\.0\.1: use fastcgi_pass \(nginx\), [^\n]*\n$/,
    );
    assert.match(await observe("", sendTLS), /^serve-fastcgi: TLS was sent to FastCGI's port \d+ [^\n]*\n$/);
  });

  test("is not reported on stderr if clientError has a listener", async () => {
    const program = `server.on("clientError", (error) => console.error("heard", error.code));`;
    assert.equal(await observe(program, sendTLS), "heard ERR_FCGI_PROTOCOL\n");
  });
});

describe("NODE_DEBUG=serve-fastcgi", () => {
  const ask = async (port: number): Promise<void> => {
    const link = connect(port, "127.0.0.1");
    link.write(request(1, { url: "/a\u009bb", keepConn: false }));
    await text(link);
    await roundTrip(port, Buffer.of(2));
  };

  test("prints the begin and the end of connections and requests", async () => {
    const stderr = await observe("", ask, { NODE_DEBUG: "serve-fastcgi" });
    const lines = stderr
      .split("\n")
      .map((line) => line.replace(/^SERVE-FASTCGI \d+: /, "").replace(/\d+ ms$/, "n ms"));
    assert.match(lines[0] ?? "", /^connection 1: opened from 127\.0\.0\.1 port \d+$/);
    assert.deepEqual(lines.slice(1, 4), [
      "connection 1: request 1: 'GET' '/a\\x9Bb'",
      "connection 1: request 1: ended after n ms",
      "connection 1: closed",
    ]);
    assert.match(
      stderr,
      /connection 2: opened.*clientError: version of a record is 2.*connection 2: closed/s,
    );
  });

  test("prints nothing if it is not set", async () => {
    assert.equal(await observe("", ask), "");
  });
});
