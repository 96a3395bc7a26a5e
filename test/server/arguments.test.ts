import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHTTPServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import express from "express";
import fastify from "fastify";
import Koa from "koa";
import { FastCGIClient, overFastCGI } from "../../src/client/index.ts";
import {
  cgiListener,
  createServer,
  FastCGIHandler,
  fastcgi,
  serveCGI,
  serveFastCGI,
  serveHTTP,
} from "../../src/index.ts";
import { makeFolder } from "../support/folders.ts";
import { GET, read } from "../support/server.ts";

const app = (): void => {};

/** Class and code of what a call throws; what else it does is closed. */
function outcome(call: () => Server): string {
  try {
    const server = call();
    server.on("error", () => {});
    server.close();
    return "accepted";
  } catch (error) {
    assert.ok(error instanceof Error && "code" in error, String(error));
    return `${error.constructor.name} ${error.code}`;
  }
}

const show = (args: readonly unknown[]): string => inspect(args, { breakLength: Number.POSITIVE_INFINITY });

describe("createServer() takes and refuses what http.createServer() does", () => {
  const rows: unknown[][] = [
    [],
    [undefined],
    [null],
    [app],
    [{}, app],
    [null, app],
    [undefined, app],
    [app, 5],
    [0],
    [""],
    ["x"],
    [5],
    [true],
    [[]],
    [Symbol.iterator],
    [{}, undefined],
    [{}, null],
    [{}, 0],
    [{}, ""],
    [{}, false],
    [{}, 5],
    [{}, "x"],
    [{}, true],
    [{}, {}],
    [{ maxHeaderSize: -1 }],
    [{ maxHeaderSize: 1.5 }],
    [{ maxHeaderSize: Number.NaN }],
    [{ maxHeaderSize: "1" }],
    [{ maxHeaderSize: null }],
    [{ headersTimeout: -1 }],
    [{ headersTimeout: "x" }],
    [{ headersTimeout: 0 }],
    [{ headersTimeout: 400_000 }],
    [{ requestTimeout: -1 }],
    [{ requestTimeout: 5 }],
    [{ requestTimeout: 0 }],
    [{ requestTimeout: 5, headersTimeout: 6 }],
    [{ requestTimeout: 0, headersTimeout: 6 }],
    [{ keepAliveTimeout: -1 }],
    [{ keepAliveTimeout: "5" }],
    [{ keepAliveTimeout: Number.NaN }],
    [{ keepAliveTimeout: 1.5 }],
    [{ connectionsCheckingInterval: -1 }],
    [{ connectionsCheckingInterval: 0 }],
    [{ insecureHTTPParser: 5 }],
    [{ requireHostHeader: 1 }],
    [{ joinDuplicateHeaders: 1 }],
    [{ rejectNonStandardBodyWrites: 1 }],
    [{ highWaterMark: "x" }],
    [{ keepAliveInitialDelay: "x" }],
    [{ uniqueHeaders: 5 }],
    [{ logger: true, bodyLimit: 5 }],
    [{ port: 1234, mode: 5 }],
  ];
  for (const args of rows) {
    test(show(args), () => {
      const expected = outcome(() => Reflect.apply(createHTTPServer, undefined, args));
      assert.equal(
        outcome(() => Reflect.apply(createServer, undefined, args)),
        expected,
      );
    });
  }
});

describe("listen() takes and refuses what net.Server does", () => {
  const rows: unknown[][] = [
    [0],
    ["0"],
    [" 0 "],
    ["0x0"],
    [0, "127.0.0.1"],
    [0, "127.0.0.1", 5],
    [0, 5],
    [0, null],
    [0, undefined, undefined, app],
    [0, ""],
    [0, "127.0.0.1", 5, app],
    [0, app],
    [-1],
    [65_536],
    ["65536"],
    [1.5],
    ["1.5"],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [""],
    [" "],
    [true],
    [false],
    [10n],
    [Symbol.iterator],
    [[]],
    [{ port: 0 }],
    [{ port: "0" }],
    [{ port: null }],
    [{ port: undefined }],
    [{ port: null, host: "127.0.0.1" }],
    [{ port: undefined, host: "127.0.0.1" }],
    [{ port: 0, host: null }],
    [{ port: 0, host: "" }],
    [{ port: 0, backlog: 5, exclusive: true, ipv6Only: false }],
    [{ port: 0, fd: -1 }],
    [{ port: 0, fd: null }],
    [{ port: 0, unknown: 5 }],
    [{ port: "" }],
    [{ port: "http" }],
    [{ port: -1 }],
    [{ port: 65_536 }],
    [{ port: 1.5 }],
    [{ port: true }],
    [{ port: {} }],
    [{ port: 0, signal: 5 }],
    [{ path: "" }],
    [{ path: 5 }],
    [{ path: "5" }],
    [{ path: true }],
    [{ host: "127.0.0.1" }],
    [{ fd: -1 }],
    [{ fd: "3" }],
    [{ fd: {} }],
    [{ port: 0, host: 5 }],
    [new Date(0)],
    [new URL("http://localhost")],
  ];
  for (const args of rows) {
    test(show(args), () => {
      const expected = outcome(() => Reflect.apply(createHTTPServer().listen, createHTTPServer(), args));
      const actual = outcome(() => Reflect.apply(createServer().listen, createServer(), args));
      assert.equal(actual, expected);
    });
  }

  test("but for other notations of an address, which would be paths, and what nobody else names", () => {
    for (const args of [
      ["localhost:9000"],
      ["tcp://127.0.0.1:80"],
      ["unix:/run/app.sock"],
      [{ port: 0, mode: 5 }],
    ])
      assert.equal(
        outcome(() => Reflect.apply(createServer().listen, createServer(), args)),
        "TypeError ERR_INVALID_ARG_VALUE",
      );
  });

  test("a port that is null or undefined is any that is free on loopback", async () => {
    for (const port of [null, undefined]) {
      const server = createServer().listen({ port: port as undefined });
      await once(server, "listening");
      const address = server.address();
      assert.ok(typeof address === "object" && address !== null && address.address === "127.0.0.1");
      server.close();
    }
  });

  test("a server that listens is not listened with again", async (t) => {
    const server = createServer().listen(0);
    t.after(() => server.close());
    await once(server, "listening");
    for (const args of [[0], [], ["/run/app.sock"], [{ port: -1 }], [{ path: 5 }]]) {
      assert.equal(
        outcome(() => {
          Reflect.apply(server.listen, server, args);
          return createHTTPServer();
        }),
        "Error ERR_SERVER_ALREADY_LISTEN",
      );
    }
    assert.ok(server.listening);
  });
});

class Hello extends FastCGIHandler {
  override handle(): void {}
}
class Other {}
class Hono {
  fetch(): void {}
}

/** What is passed, and the message that says what to pass. */
const noApplications: [value: unknown, message: RegExp][] = [
  [new Koa(), /^app is a Koa application: pass app\.callback\(\)$/],
  [
    fastify(),
    /^app is a Fastify instance: .*serverFactory.*or pass app\.routing after `await app\.ready\(\)`$/,
  ],
  [new Hono(), /^app is an object with fetch\(\): wrap it/],
  [{ fetch: () => {} }, /^app is an object with fetch\(\)/],
  [createHTTPServer(), /^app is a server: pass its request listener$/],
  [createSecureServer(), /^app is a server: pass/],
  [createServer(), /^app is a server: pass/],
  [Promise.resolve(app), /^app is a Promise: await it first$/],
  [
    await import("./module-application.ts"),
    /^app is a module: pass what it exports, for instance module\.default$/,
  ],
  [{ __esModule: true, default: app }, /^app is a module: /],
  [{ default: app }, /^app is a module: pass module\.default$/],
  [{ handler: app, use: app }, /^app is an object with handler\(\): pass app\.handler$/],
  [{ getHttpAdapter: app }, /^app is a Nest application: pass app\.getHttpAdapter\(\)/],
  [{ listener: createHTTPServer() }, /^app is an application with a server of its own/],
  [Other, /^app is the class Other: make an instance/],
];
/** What is none by its type. */
const noFunctions: [value: unknown, message: RegExp][] = [
  [5, /^app is 5: give a \(req, res\) listener/],
  ["app", /^app is "app": /],
  [true, /^app is true: /],
  [Symbol("app"), /^app is Symbol\(app\): /],
  [{}, /^app is {}: /],
  [[], /^app is \[\]: /],
];
const nothing: [value: unknown, message: RegExp][] = [
  [null, /^app is null: give a \(req, res\) listener/],
  [undefined, /^app is undefined: /],
];

describe("what is no application is refused, by name and with the way out", () => {
  const handlers = (rows: typeof nothing): typeof nothing =>
    rows.map(([value, message]) => [
      value,
      new RegExp(
        message.source
          .replace("^app is", "^handler is")
          .replace(/: give a .*/, ": ")
          .replace(/: make.*/, ""),
      ),
    ]);
  const all = [...noApplications, ...noFunctions, ...nothing];
  const handlerClass: [unknown, RegExp] = [Hello, /^app is the class Hello: pass it to fastcgi\(\)$/];
  const calls: [name: string, call: (value: never) => unknown, rows: typeof nothing][] = [
    ["serveFastCGI", (value) => serveFastCGI(value, 0), [...all, handlerClass]],
    ["serveHTTP", (value) => serveHTTP(value, 0), [...all, handlerClass]],
    ["serveCGI", (value) => serveCGI(value), [...all, handlerClass]],
    ["overFastCGI", (value) => overFastCGI(value), [...all, handlerClass]],
    [
      "createServer of options and",
      (value) => createServer({}, value),
      [...noApplications, ...noFunctions, handlerClass],
    ],
    [
      "createServer of",
      (value) => createServer(value),
      [
        ...noApplications.filter(([, message]) => !/module\\.default\$|handler\\\(/.test(message.source)),
        handlerClass,
      ],
    ],
    ["fastcgi", (value) => fastcgi(value, 0), handlers(all)],
    ["cgiListener", (value) => cgiListener(value), handlers(all)],
    [
      "fastcgi",
      (value) => fastcgi(value, 0),
      [[express(), /^handler is an Express or Connect application: pass it to serveFastCGI\(\)$/]],
    ],
  ];
  for (const [name, call, rows] of calls) {
    for (const [value, message] of rows) {
      test(`${name} ${inspect(value, { depth: -1 })}: ${message.source}`, () => {
        assert.throws(
          () => call(value as never),
          (error: NodeJS.ErrnoException) => {
            assert.ok(error instanceof TypeError);
            assert.equal(error.code, "ERR_INVALID_ARG_TYPE");
            assert.match(error.message, message);
            return true;
          },
        );
      });
    }
  }

  test("the ways out of Fastify work", async (t) => {
    const plain = fastify();
    const withServer = fastify({ serverFactory: (handler) => createServer(handler) });
    plain.get("/", () => "served");
    withServer.get("/", () => "served");
    await plain.ready();
    await withServer.listen({ port: 0 });
    const server = serveFastCGI(plain.routing, 0);
    await once(server, "listening");
    t.after(() => {
      server.close();
      return withServer.close();
    });
    for (const { address } of [server, withServer.server].map((each) => ({ address: each.address() }))) {
      assert.ok(typeof address === "object" && address !== null);
      const client = new FastCGIClient(address.port);
      assert.equal((await read(await client.request(GET))).body, "served");
      client.destroy();
    }
  });
});

describe("serveFastCGI, fastcgi and serveHTTP", () => {
  test("call a listener when they listen, with a target and without", async (t) => {
    const folder = makeFolder(t);
    const before = process.cwd();
    process.chdir(folder);
    t.after(() => process.chdir(before));
    const handler = () => "served";
    for (const listen of [
      (done: () => void) => serveFastCGI(app, 0, done),
      (done: () => void) => serveFastCGI(app, { port: 0 }, done),
      (done: () => void) => serveFastCGI(app, done),
      (done: () => void) => fastcgi(handler, 0, done),
      (done: () => void) => fastcgi(handler, done),
      (done: () => void) => serveHTTP(app, 0, done),
    ]) {
      const server = await new Promise<Server>((resolve) => {
        const started: Server = listen(() => resolve(started));
      });
      assert.ok(server.listening);
      server.close();
      await once(server, "close");
    }
  });

  test("refuse a target that is passed and undefined, as an unset variable is", () => {
    for (const [target, message] of [
      [
        undefined,
        /^target is undefined, as an environment variable is that is not set: give a port or a path/,
      ],
      [{ port: undefined }, /^port is undefined/],
      [{ path: undefined }, /^path is undefined/],
      [{ host: "::1", port: undefined }, /^port is undefined/],
    ] as const) {
      for (const call of [serveFastCGI, fastcgi, serveHTTP] as ((...args: unknown[]) => unknown)[]) {
        assert.throws(() => call(app, target), { code: "ERR_INVALID_ARG_VALUE", message });
        assert.throws(() => call(app, target, () => {}), { code: "ERR_INVALID_ARG_VALUE", message });
      }
    }
    assert.throws(() => Reflect.apply(serveHTTP, undefined, [app]), /^TypeError.*target is missing/);
  });

  test("refuse a third argument that is no function", () => {
    assert.throws(() => Reflect.apply(serveFastCGI, undefined, [app, 0, "::1"]), {
      code: "ERR_INVALID_ARG_TYPE",
      message: 'listener is "::1": give a function; a host goes into { port, host }',
    });
  });

  test("refuse options that are unknown, or have no effect, by name", () => {
    const rows: [call: () => unknown, message: RegExp][] = [
      [
        () => serveFastCGI(app, { port: 0, maxHeadersize: 5 } as object),
        /"maxHeadersize" is unknown: maxHeaderSize is meant\?/,
      ],
      [
        () => serveFastCGI(app, { port: 0, stdinTimout: 5 } as object),
        /"stdinTimout" is unknown: stdinTimeout is meant\?/,
      ],
      [() => serveFastCGI(app, { port: 0, nonsense: 5 } as object), /"nonsense" is unknown: leave it out/],
      [() => serveFastCGI(app, { prot: 5 } as object), /"prot" is unknown: port is meant\?/],
      [
        () => serveFastCGI(app, { port: 0, mode: 0o600 }),
        /option mode has no effect on a TCP port: leave it out/,
      ],
      [() => serveFastCGI(app, { fd: 0, group: "x" }), /option group has no effect on a descriptor/],
      [() => serveFastCGI(app, { path: "x", fdName: "x" }), /option fdName has no effect on a path/],
      [() => serveFastCGI(app, { path: "\0x", mode: 0o600 }), /option mode has no effect on what is no file/],
      [
        () => serveFastCGI(app, { port: 0, roles: { autorizer: app } } as object),
        /roles has "autorizer": there are authorizer and filter/,
      ],
      [() => createServer().listen({ port: 0, owner: 0 }), /option owner has no effect on a TCP port/],
      [
        () => serveHTTP(app, { port: 0, mount: "/app" } as object),
        /option mount has no effect over plain HTTP: leave it out/,
      ],
      [
        () => serveHTTP(app, { port: 0, pauseOnConnect: true } as object),
        /"pauseOnConnect" is unknown: leave it out/,
      ],
      [() => serveHTTP(app, { port: 0, roles: {} } as object), /option roles has no effect over plain HTTP/],
      [
        () => serveHTTP(app, { port: 0, allowedAddresses: [] } as object),
        /option allowedAddresses has no effect over plain HTTP/,
      ],
      [
        () => serveHTTP(app, { port: 0, maxRequests: 5 } as object),
        /option maxRequests has no effect over plain HTTP/,
      ],
      [() => serveCGI(app, { port: 0 } as object), /option port is for listen\(\): leave it out/],
      [() => serveCGI(app, { maxParms: 0 } as object), /"maxParms" is unknown: maxParams is meant\?/],
      [
        () => overFastCGI(app, { server: { maxParms: 0 } as object }),
        /"maxParms" is unknown: maxParams is meant\?/,
      ],
      [
        () => createServer({ maxHeadersize: 5 } as object),
        /"maxHeadersize" is unknown: maxHeaderSize is meant\?/,
      ],
    ];
    for (const [call, message] of rows) {
      assert.throws(call, (error: NodeJS.ErrnoException) => {
        assert.ok(error instanceof TypeError);
        assert.equal(error.code, "ERR_INVALID_ARG_VALUE");
        assert.match(error.message, message);
        return true;
      });
    }
    assert.throws(() => createServer({ roles: { filter: 5 } } as object), {
      code: "ERR_INVALID_ARG_TYPE",
      message: "option roles.filter is 5: give a function",
    });
    assert.throws(() => createServer({ mount: 5 } as object), { code: "ERR_INVALID_ARG_TYPE" });
  });

  test("take every option of net.ListenOptions and http.ServerOptions", async () => {
    const options = {
      port: 0,
      host: "127.0.0.1",
      backlog: 5,
      exclusive: true,
      ipv6Only: false,
      readableAll: false,
      writableAll: false,
      reusePort: false,
      signal: new AbortController().signal,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 5,
      highWaterMark: 65_536,
      requireHostHeader: true,
      insecureHTTPParser: false,
      joinDuplicateHeaders: false,
      rejectNonStandardBodyWrites: false,
      uniqueHeaders: [],
      keepAliveTimeoutBuffer: 5,
      signals: false,
      shutdownTimeout: 5,
      mode: undefined,
      nonsense: undefined,
    };
    for (const call of [serveFastCGI, serveHTTP]) {
      const server = call(app, options);
      await once(server, "listening");
      server.close();
    }
  });
});
