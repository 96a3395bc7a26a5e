import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { BlockList, connect, createServer as createNetServer, type Server } from "node:net";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { FastCGIClient } from "../../src/client/index.ts";
import {
  createServer,
  type FastCGIServer,
  fastcgi,
  serveFastCGI,
  serveHTTP,
  type Target,
} from "../../src/index.ts";
import { isListening } from "../../src/listen/inherited-socket.ts";
import { makeFolder } from "../support/folders.ts";
import { request } from "../support/request.ts";
import { GET, read } from "../support/server.ts";

const app = (_req: unknown, res: { end(text: string): void }) => res.end("served");

function closing(t: TestContext, server: FastCGIServer): FastCGIServer {
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

async function isServed(target: number | string): Promise<boolean> {
  const client = new FastCGIClient(target);
  const { body } = await read(await client.request(GET));
  client.destroy();
  return body === "served";
}

test("listens on loopback where no host is named", async (t) => {
  for (const server of [
    serveFastCGI(app, 0),
    serveFastCGI(app, "0" as const),
    serveFastCGI(app, { port: 0 }),
    createServer(app).listen(0),
    createServer(app).listen({ port: 0 }),
    createServer(app).listen(0, () => {}),
    fastcgi(() => "served", 0),
  ]) {
    closing(t, server);
    if (!server.listening) await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    assert.equal(address.address, "127.0.0.1");
    assert.ok(await isServed(address.port));
  }
});

test("listens on the host that is named", async (t) => {
  const server = closing(
    t,
    createServer(app).listen(0, "0.0.0.0", 5, () => {}),
  );
  await once(server, "listening");
  const address = server.address();
  assert.equal(typeof address === "object" && address?.address, "0.0.0.0");
});

test("listens on a unix socket, bound when listen() returns, and removes it on close", async (t) => {
  const path = join(makeFolder(t), "app.sock");
  for (const listen of [
    () => createServer(app).listen(path),
    () => serveFastCGI(app, path),
    () => fastcgi(() => "served", { path }),
  ]) {
    const server = closing(t, listen());
    assert.ok(lstatSync(path).isSocket());
    assert.ok(await isServed(path));
    server.close();
    await once(server, "close");
    assert.equal(existsSync(path), false);
  }
});

test("a unix socket has its mode from the first instant, and the umask is set back", (t) => {
  const folder = makeFolder(t);
  const umask = process.umask();
  for (const mode of [0o600, 0o660, 0o666, 0o777]) {
    const path = join(folder, mode.toString(8));
    closing(t, createServer(app).listen({ path, mode }));
    assert.equal(statSync(path).mode & 0o777, mode);
  }
  assert.equal(process.umask(), umask);
});

test("the mode is given to bind(), not set afterwards", {
  skip: !hasStrace() && "strace is not installed",
}, (t) => {
  const path = join(makeFolder(t), "app.sock");
  const script = `import { createServer } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
    createServer().listen({ path: ${JSON.stringify(path)}, mode: 0o660 }, () => process.exit());`;
  const { stderr } = spawnSync(
    "strace",
    [
      "-f",
      "-e",
      "trace=umask,bind,chmod,fchmod",
      process.execPath,
      "--import",
      "tsx",
      "--input-type=module",
      "-e",
      script,
    ],
    { encoding: "utf8", cwd: fileURLToPath(new URL("../..", import.meta.url)) },
  );
  assert.match(stderr, /umask\(0117\).*bind\(.*app\.sock/s);
  assert.doesNotMatch(stderr, /chmod\([^)]*app\.sock/);
});

function hasStrace(): boolean {
  return spawnSync("strace", ["-V"]).status === 0;
}

test("owner and group are set where permitted, and refused with an error where not", async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, "app.sock");
  if (process.getuid?.() === 0) {
    const server = closing(
      t,
      createServer(app).listen({ path, mode: 0o660, owner: "nobody", group: "www-data" }),
    );
    const { uid, gid, mode } = statSync(path);
    assert.ok(uid !== 0 && gid !== 0);
    assert.equal(mode & 0o777, 0o660);
    server.close();
    await once(server, "close");
  } else {
    const server = createServer(app).listen({ path, owner: 0 });
    const [error] = await once(server, "error");
    assert.match(error.message, /only root may/);
    assert.equal(server.listening, false);
  }
  assert.throws(
    () => createServer(app).listen({ path, group: "no such group" }),
    /"no such group" is not in \/etc\/group: give its number/,
  );
});

test("the socket of a dead process is replaced", async (t) => {
  const path = join(makeFolder(t), "app.sock");
  const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script]);
  assert.ok(lstatSync(path).isSocket());
  const server = closing(t, createServer(app).listen(path));
  assert.ok(server.listening);
  assert.ok(await isServed(path));
});

test("the socket of a live server, and what is no socket, is left alone and named", async (t) => {
  const folder = makeFolder(t);
  const live = join(folder, "live.sock");
  const file = join(folder, "file");
  const directory = join(folder, "directory");
  writeFileSync(file, "text");
  mkdirSync(directory);
  const other = createNetServer().listen(live);
  t.after(() => other.close());
  for (const [path, reason] of [
    [live, /live\.sock: another server listens there/],
    [file, /file: it is a file, not a socket/],
    [directory, /directory: it is a folder, not a socket/],
  ] as const) {
    const server = serveFastCGI(app, path);
    const [error] = await once(server, "error");
    assert.equal(error.code, "EADDRINUSE");
    assert.match(error.message, reason);
    assert.ok(existsSync(path));
  }
});

test("a folder that is missing is named", async (t) => {
  const [error] = await once(serveFastCGI(app, join(makeFolder(t), "no", "app.sock")), "error");
  assert.equal(error.code, "ENOENT");
  assert.match(error.message, /there is no folder .*no$/);
});

test("targets that are none are refused with the value and the way out", () => {
  const wrong: [unknown, RegExp][] = [
    [123456, /port is 123456: give an integer from 0 to 65535/],
    [-1, /port is -1/],
    [1.5, /port is 1.5/],
    [{ port: "http" }, /port is "http"/],
    ["", /target is ""/],
    ["127.0.0.1:9000", /for TCP give { host: "127.0.0.1", port: 9000 }/],
    ["[::1]:9000", /for TCP give { host: "::1", port: 9000 }/],
    ["tcp://localhost:80", /for TCP give { host: "localhost", port: 80 }/],
    ["unix:/run/app.sock", /give the path alone, "\/run\/app.sock"/],
    [true, /target is true: give a port, a path, or an object/],
    [null, /target is null/],
    [{ host: "::1" }, /host "::1" and no port/],
    [{ fd: -1 }, /fd is -1: give the number of an open descriptor/],
    [{ path: 5 }, /path is 5/],
    [{ path: "/x", mode: 0o7777 }, /mode is 4095: give permissions such as 0o660/],
    ["x".repeat(108), /is 108 bytes long, at most 107 fit: xxx/],
    [{ fdName: "web" }, /systemd passes no socket named "web"/],
  ];
  for (const [target, message] of wrong) {
    assert.throws(() => serveFastCGI(app, target as Target), message);
  }
});

test("a path of 107 bytes is taken", (t) => {
  const folder = makeFolder(t);
  const path = `${folder}/${"x".repeat(107 - folder.length - 1)}`;
  closing(t, createServer(app).listen(path));
  assert.ok(lstatSync(path).isSocket());
});

test("a descriptor that does not listen is refused", async (t) => {
  const file = join(makeFolder(t), "file");
  writeFileSync(file, "");
  const [error] = await once(createServer(app).listen({ fd: 987 }), "error");
  assert.match(error.message, /descriptor 987: it is no listening socket. Have a web server/);
});

test("tells a listening socket from others", async (t) => {
  const { fd } = await listenForOthers(t);
  const program = `import { isListening } from "./src/listen/inherited-socket.ts"; console.log(isListening(3))`;
  assert.equal(await childSays(program, fd), "true\n");
  assert.equal(await childSays(program, "pipe"), "false\n");
});

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Starts a program with something on descriptor 3, or on 0. */
function start(program: string, fd: number | "pipe", isZero = false): ChildProcess {
  return spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
    cwd: root,
    stdio: [isZero ? fd : "ignore", "pipe", "inherit", isZero ? "ignore" : fd],
  });
}

function childSays(program: string, fd: number | "pipe"): Promise<string> {
  return text(start(program, fd).stdout!);
}

/** Listens on a free port; the descriptor is found by its absence before. */
async function listenForOthers(
  t: TestContext,
  path?: string,
): Promise<{ server: Server; fd: number; port: number }> {
  const sockets = () =>
    readdirSync("/proc/self/fd")
      .map(Number)
      .filter((fd) => isListening(fd) === true);
  const before = sockets();
  const server =
    path === undefined ? createNetServer().listen(0, "127.0.0.1") : createNetServer().listen(path);
  await once(server, "listening");
  t.after(() => server.close());
  const fd = sockets().find((number) => !before.includes(number));
  assert.ok(fd !== undefined);
  const address = server.address();
  return { server, fd, port: typeof address === "object" && address !== null ? address.port : 0 };
}

test("without target it serves on descriptor 0, on systemd's, or on fcgi.sock", async (t) => {
  const program = (folder: string, before = "") => `
    import { fastcgi } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
    process.chdir(${JSON.stringify(folder)});
    ${before}
    fastcgi(() => "served").on("listening", () => console.log("listening"));
  `;
  const folder = makeFolder(t);
  const systemd = `Object.assign(process.env, { LISTEN_PID: String(process.pid), LISTEN_FDS: "1" });`;
  for (const way of ["descriptor 0", "systemd", "fcgi.sock"]) {
    const { server, fd, port } = await listenForOthers(t);
    const child =
      way === "fcgi.sock"
        ? start(program(folder), "pipe")
        : start(program(folder, way === "systemd" ? systemd : ""), fd, way === "descriptor 0");
    t.after(() => child.kill("SIGKILL"));
    await once(child.stdout!, "data");
    // This process would take connections, too.
    server.close();
    assert.ok(await isServed(way === "fcgi.sock" ? join(folder, "fcgi.sock") : port), way);
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

test("allowedAddresses and FCGI_WEB_SERVER_ADDRS refuse others (3.2)", async (t) => {
  const list = new BlockList();
  list.addSubnet("127.0.0.0", 8);
  const rows: [object, string | undefined, boolean][] = [
    [{ allowedAddresses: ["127.0.0.1"] }, undefined, true],
    [{ allowedAddresses: ["127.0.0.0/8", "2001:db8::/32"] }, undefined, true],
    [{ allowedAddresses: list }, undefined, true],
    [{ allowedAddresses: ["10.0.0.0/8", "::1"] }, undefined, false],
    [{ allowedAddresses: [] }, undefined, false],
    [{}, "127.0.0.1", true],
    [{}, "10.0.0.1, 127.0.0.1", true],
    [{}, "10.0.0.1", false],
    [{ allowedAddresses: ["127.0.0.1"] }, "10.0.0.1", false],
    [{}, "", true],
  ];
  for (const [options, variable, isAllowed] of rows) {
    if (variable !== undefined) process.env.FCGI_WEB_SERVER_ADDRS = variable;
    const server = closing(t, createServer(options, app));
    delete process.env.FCGI_WEB_SERVER_ADDRS;
    // "::" takes IPv4, too: the address is then ::ffff:127.0.0.1.
    for (const host of ["127.0.0.1", "::"]) {
      server.listen(0, host);
      await once(server, "listening");
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      if (isAllowed) {
        assert.ok(await isServed(port));
      } else {
        const refused = once(server, "clientError");
        const socket = connect(port, "127.0.0.1");
        socket.on("error", () => {});
        const [error] = await refused;
        assert.equal(error.code, "ERR_FCGI_ADDRESS");
        await once(socket, "close");
      }
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    }
  }
});

test("a client that sends a request and resets its connection does not pass allowedAddresses", async (t) => {
  const rounds = 20;
  const perRound = 25;
  let reached = 0;
  let refused = 0;
  const server = closing(t, createServer({ allowedAddresses: ["192.0.2.1"] }));
  server.on("request", () => reached++);
  server.listen(0);
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const bytes = request(1);
  for (let round = 0; round < rounds; round++) {
    const done = new Promise<void>((resolve) => {
      let count = 0;
      server.on("clientError", (error: NodeJS.ErrnoException) => {
        assert.equal(error.code, "ERR_FCGI_ADDRESS");
        refused++;
        if (++count === perRound) resolve();
      });
    });
    for (let index = 0; index < perRound; index++) {
      const socket = connect(address.port, "127.0.0.1", () => {
        socket.write(bytes);
        socket.resetAndDestroy();
      });
      socket.on("error", () => {});
    }
    await done;
    server.removeAllListeners("clientError");
  }
  assert.deepEqual({ reached, refused }, { reached: 0, refused: rounds * perRound });
});

test("a filter of addresses lets pass what a program passes to the connection event, if it is not TCP", async (t) => {
  const path = join(makeFolder(t), "other.sock");
  const server = closing(t, createServer({ allowedAddresses: [] }, app));
  const [near, far] = duplexPair();
  server.emit("connection", near);
  far.write(request(1, { keepConn: false }));
  assert.match(await text(far), /served/);
  // Sockets of another server.
  const codes: string[] = [];
  server.on("clientError", (error: NodeJS.ErrnoException) => codes.push(error.code ?? ""));
  const other = createNetServer((socket) => server.emit("connection", socket)).listen(path);
  t.after(() => other.close());
  assert.ok(await isServed(path));
  const tcp = createNetServer((socket) => server.emit("connection", socket)).listen(0, "127.0.0.1");
  t.after(() => tcp.close());
  await once(tcp, "listening");
  const address = tcp.address();
  assert.ok(typeof address === "object" && address !== null);
  for (const isReset of [false, true]) {
    const heard = once(server, "clientError");
    const socket = connect(address.port, "127.0.0.1", () => isReset && socket.resetAndDestroy());
    socket.on("error", () => {});
    await heard;
    socket.destroy();
  }
  assert.deepEqual(codes, ["ERR_FCGI_ADDRESS", "ERR_FCGI_ADDRESS"]);
});

/** Two streams, each of which reads what the other is written. */
function duplexPair(): [Duplex, Duplex] {
  const pair: Duplex[] = [0, 1].map(
    (index) =>
      new Duplex({
        read() {},
        write(chunk, _encoding, done) {
          pair[1 - index]?.push(chunk);
          done();
        },
        destroy(error, done) {
          pair[1 - index]?.push(null);
          done(error);
        },
      }),
  );
  return pair as [Duplex, Duplex];
}

test("addresses that are none are refused", () => {
  for (const entry of ["localhost", "1.2.3.4/33", "::1/129", "1.2.3.4/x", ""]) {
    assert.throws(() => createServer({ allowedAddresses: [entry] }), /option allowedAddresses holds "/);
  }
});

test("a unix socket is open to all addresses", async (t) => {
  const path = join(makeFolder(t), "app.sock");
  closing(t, createServer({ allowedAddresses: [] }, app).listen(path));
  assert.ok(await isServed(path));
  const program = `import { createServer } from "./src/index.ts";
    createServer({ allowedAddresses: [] }, (_req, res) => res.end("served")).listen({ fd: 3 }, () => console.log());`;
  const { server, fd } = await listenForOthers(t, join(makeFolder(t), "given.sock"));
  const child = start(program, fd);
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout!, "data");
  const given = server.address() as string;
  // Its file goes with the server of this process, which would take connections, too.
  linkSync(given, `${given}.x`);
  server.close();
  assert.ok(await isServed(`${given}.x`));
});

test("serveHTTP takes the same targets, and shutdownTimeout", async (t) => {
  const path = join(makeFolder(t), "http.sock");
  const server = serveHTTP((_req, res) => res.write("begun"), { path, shutdownTimeout: 1 });
  await once(server, "listening");
  chmodSync(path, 0o600);
  const socket = connect(path);
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(socket, "data");
  server.close();
  await once(server, "close");
  socket.destroy();
});
