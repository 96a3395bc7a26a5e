import assert from "node:assert/strict";
import net from "node:net";
import test from "node:test";
import { createGateway, FastCGIClient, overFastCGI } from "../../src/client/index.ts";
import { readConnectTarget } from "../../src/listen/address.ts";
import { readTarget } from "../../src/listen/target.ts";

/** Calls with what TypeScript would not let through. */
function make(target: unknown, options?: unknown): unknown {
  return Reflect.construct(FastCGIClient, [target, options]);
}

test("reads a port, a string of digits, a path and objects", () => {
  assert.deepEqual(readConnectTarget(9000), { port: 9000, host: "127.0.0.1" });
  assert.deepEqual(readConnectTarget("9000"), { port: 9000, host: "127.0.0.1" });
  assert.deepEqual(readConnectTarget({ port: "9000" }), { port: 9000, host: "127.0.0.1" });
  assert.deepEqual(readConnectTarget({ port: 9000, host: undefined }), { port: 9000, host: "127.0.0.1" });
  assert.deepEqual(readConnectTarget({ port: 9000, host: "[::1]" }), { port: 9000, host: "::1" });
  assert.deepEqual(readConnectTarget("/run/app.sock"), { path: "/run/app.sock" });
  assert.deepEqual(readConnectTarget("app.sock"), { path: "app.sock" });
  assert.deepEqual(readConnectTarget({ path: "/run/app.sock", port: undefined }), { path: "/run/app.sock" });
});

test("reads every text as the server reads it", () => {
  const texts = ["9000", "/x", "./x", "x.sock", "localhost:9000", "127.0.0.1:9000", "[::1]:9000", ":9000"];
  for (const text of [...texts, "tcp://localhost:9000", "tcp:9000", "unix:/x", "unix:///x", "", "99999"]) {
    const read = (reader: (text: string) => { port?: unknown; path?: unknown }): unknown => {
      try {
        const { port, path } = reader(text);
        return { port, path };
      } catch (error) {
        return error instanceof RangeError ? "RangeError" : "TypeError";
      }
    };
    assert.deepEqual(
      read((text) => readConnectTarget(text) as object),
      read(readTarget),
      text,
    );
  }
});

test("refuses targets that are none, with Node's codes, and says what to give", () => {
  const wrong: [unknown, string, RegExp][] = [
    [undefined, "ERR_MISSING_ARGS", /target is undefined: give a port, the path of a unix socket/],
    [null, "ERR_INVALID_ARG_TYPE", /target is null: give/],
    [{}, "ERR_MISSING_ARGS", /neither port nor path/],
    [{ host: "a" }, "ERR_MISSING_ARGS", /the host "a" and no port/],
    [true, "ERR_INVALID_ARG_TYPE", /target is true/],
    [() => {}, "ERR_INVALID_ARG_TYPE", /a function/],
    [Promise.resolve(9000), "ERR_INVALID_ARG_TYPE", /a Promise: await it first/],
    [net.createServer(), "ERR_INVALID_ARG_TYPE", /an instance of Server/],
    [new URL("tcp://a:9000"), "ERR_INVALID_ARG_TYPE", /an instance of URL/],
    [{ port: 9000, hostname: "a" }, "ERR_INVALID_ARG_VALUE", /"hostname".* the address is "host"/],
    [{ port: 9000, address: "::1", family: "IPv6" }, "ERR_INVALID_ARG_VALUE", /"address"/],
    [{ port: 9000, path: "/x" }, "ERR_INVALID_ARG_VALUE", /a path and a port/],
    [{ port: 9000, host: 5 }, "ERR_INVALID_ARG_TYPE", /host is 5/],
    [{ path: 5 }, "ERR_INVALID_ARG_TYPE", /path is 5/],
    [{ path: "" }, "ERR_INVALID_ARG_VALUE", /path .* is empty/],
    ["", "ERR_SOCKET_BAD_PORT", /target is ""/],
    [0, "ERR_SOCKET_BAD_PORT", /port is 0: give an integer from 1 to 65535/],
    [65536, "ERR_SOCKET_BAD_PORT", /65536/],
    [Number.NaN, "ERR_SOCKET_BAD_PORT", /NaN/],
    [{ port: "x" }, "ERR_SOCKET_BAD_PORT", /"x"/],
    ["localhost:9000", "ERR_INVALID_ARG_VALUE", /give \{ host: "localhost", port: 9000 \}/],
    ["tcp://app:9000", "ERR_INVALID_ARG_VALUE", /give \{ host: "app", port: 9000 \}/],
    ["[::1]:9000", "ERR_INVALID_ARG_VALUE", /give \{ host: "::1", port: 9000 \}/],
    ["unix:/run/app.sock", "ERR_INVALID_ARG_VALUE", /give the path alone, "\/run\/app.sock"/],
  ];
  for (const [target, code, message] of wrong) {
    assert.throws(() => make(target), { code, message }, String(message));
    assert.throws(() => Reflect.apply(createGateway, undefined, [target]), { code, message });
  }
});

test("refuses unknown and useless options by name", () => {
  const wrong: [object, string, RegExp][] = [
    [{ keepAlive: true }, "ERR_INVALID_ARG_VALUE", /has no option "keepAlive"/],
    [{ maxConnections: 0 }, "ERR_OUT_OF_RANGE", /option maxConnections is 0: give an integer from 1/],
    [{ maxConnections: Number.NaN }, "ERR_OUT_OF_RANGE", /NaN/],
    [{ maxConnections: "5" }, "ERR_INVALID_ARG_TYPE", /give a number/],
    [{ keepAliveTimeout: -1 }, "ERR_OUT_OF_RANGE", /keepAliveTimeout/],
    [{ headersTimeout: 2 ** 31 }, "ERR_OUT_OF_RANGE", /headersTimeout/],
    [{ multiplex: 1 }, "ERR_INVALID_ARG_TYPE", /give a boolean/],
  ];
  for (const [options, code, message] of wrong) {
    assert.throws(() => make(9000, options), { code, message });
    assert.throws(() => createGateway(9000, options), { code, message });
  }
  assert.throws(() => make(9000, 5), { code: "ERR_INVALID_ARG_TYPE" });
  assert.throws(() => createGateway(9000, { params: { A: 5 } as never }), /param A is 5: give a string/);
  assert.throws(() => createGateway(9000, { onError: "log" as never }), /give a function/);
  assert.throws(
    // @ts-expect-error the client has options of its own
    () => createGateway(new FastCGIClient(9000), { keepConn: true }),
    /option keepConn is for a client, and the target is one/,
  );
  assert.throws(() => overFastCGI(() => {}, { keepConn: true } as never), /no option "keepConn"/);
  assert.throws(
    () => overFastCGI(() => {}, { gateway: { headersTimeout: -1 } }),
    /option headersTimeout is -1: give milliseconds/,
  );
});

test("getValues() refuses names and times that are none", async () => {
  const client = new FastCGIClient(9000);
  await assert.rejects(client.getValues("FCGI_MAX_CONNS"), /names is a string/);
  await assert.rejects(client.getValues([], -1), { code: "ERR_OUT_OF_RANGE" });
  await assert.rejects(client.getValues(["x".repeat(70_000)]), RangeError);
  await client.close();
});
