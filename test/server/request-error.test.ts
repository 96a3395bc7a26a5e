import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { IncomingMessage, type RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { FastCGIClient } from "../../src/client/index.ts";
import { createServer, type FastCGIServerOptions } from "../../src/index.ts";
import { head, request } from "../support/request.ts";
import { GET, read, startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const index = JSON.stringify(new URL("../../src/index.ts", import.meta.url).href);
const client = JSON.stringify(new URL("../../src/client/index.ts", import.meta.url).href);

/** A server in a process of its own, for what it writes to stderr. */
interface Program {
  readonly client: FastCGIClient;
  /** Ends it, and gives all that it has written to stderr. */
  readonly end: () => Promise<string>;
}

/** Runs a program that writes its port to stdout. */
async function startProgram(t: TestContext, source: string): Promise<Program> {
  const imports =
    `import { cgiListener, createServer, fastcgi, serveFastCGI } from ${index};\n` +
    `import { overFastCGI } from ${client};\n`;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "-e", `${imports}${source}`],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  t.after(() => child.kill());
  const stderr = text(child.stderr);
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  const fastcgiClient = new FastCGIClient(Number(port), { keepConn: true });
  t.after(() => fastcgiClient.destroy());
  return {
    client: fastcgiClient,
    end() {
      child.kill();
      return stderr;
    },
  };
}

const listening = "server.on('listening', () => console.log(server.address().port));";
const post = { ...GET, REQUEST_METHOD: "POST", REQUEST_URI: "/path?q=1" };

describe("an error that nobody hears", () => {
  const causes: readonly [name: string, app: string][] = [
    ["a listener that throws", "createServer(() => { throw new Error('broken') })"],
    ["a listener that rejects", "createServer(async () => { throw new Error('broken') })"],
    [
      "a listener of timeout that throws",
      "createServer((req, res) => { res.on('timeout', () => { throw new Error('broken') }); req.socket.setTimeout(1) })",
    ],
    ["a CGI function that throws", "createServer(cgiListener(() => { throw new Error('broken') }))"],
    ["a CGI function that rejects", "createServer(cgiListener(async () => { throw new Error('broken') }))"],
  ];
  for (const [name, app] of causes) {
    test(`${name}: its stack is on stderr and, with method and URL, in the web server's log, once`, async (t) => {
      const { client, end } = await startProgram(t, `const server = ${app}.listen(0); ${listening}`);
      const response = await read(await client.request(post));
      assert.deepEqual([response.status, response.body], [500, "Internal Server Error\n"]);
      assert.match(response.stderr, /^POST \/path\?q=1: Error: broken\n {4}at .*\n/);
      const stderr = await end();
      assert.match(stderr, /^Error: broken\n {4}at .*\n/);
      for (const log of [response.stderr, stderr]) assert.equal(log.split("broken").length, 2, log);
    });
  }

  test("an error after the head, with its cause", async (t) => {
    const app = `async (req, res) => {
      res.write("begun");
      throw new Error("broken", { cause: new Error("deeper") });
    }`;
    const { client, end } = await startProgram(
      t,
      `const server = createServer(${app}).listen(0); ${listening}`,
    );
    await assert.rejects(client.request(GET).then(read));
    assert.match(await end(), /^Error: broken\n(.*\n)*.*\[cause\]: Error: deeper\n/);
  });

  test("logErrors: false, or a listener, and nothing is written", async (t) => {
    for (const source of [
      "const server = createServer({ logErrors: false }, () => { throw new Error('broken') }).listen(0);",
      "const server = createServer(() => { throw new Error('broken') }).listen(0); server.logErrors = false;",
      "const server = createServer(() => { throw new Error('broken') }).listen(0).on('requestError', () => {});",
      "const server = serveFastCGI(() => { throw new Error('broken') }, { port: 0, logErrors: false });",
      "const server = fastcgi(({ stdout }) => { stdout.write('no head\\n\\n') }, { port: 0, logErrors: false });",
    ]) {
      const { client, end } = await startProgram(t, source + listening);
      const response = await read(await client.request(GET));
      assert.deepEqual([response.status, response.stderr, await end()], [500, "", ""], source);
    }
  });

  test("HAProxy 2 gets no FCGI_STDERR, which crashes it; HAProxy 3 does", async (t) => {
    const { open } = await startServer(t, { logErrors: true }, () => {
      throw Object.assign(new Error("broken"), { stack: "Error: broken on purpose\n    at nowhere" });
    });
    const link = await open();
    for (const [software, expected] of [
      ["HAProxy 2.6.12-1+deb12u4", ""],
      ["HAProxy 3.0.5", "GET /: Error: broken on purpose\n    at nowhere\n"],
    ] as const) {
      link.send(request(1, { params: [["SERVER_SOFTWARE", software]] }));
      const response = await link.response(1);
      assert.deepEqual([response.status, response.stderr], [500, expected]);
    }
  });

  test("a long URL is cut in the web server's log", async (t) => {
    const { open } = await startServer(t, {}, () => {
      throw new Error("broken");
    });
    const link = await open();
    link.send(request(1, { url: `/${"x".repeat(5000)}` }));
    const { stderr } = await link.response(1);
    assert.equal(stderr.indexOf(": Error: broken\n"), "GET ".length + 2048);
  });

  test("what a client brings about by leaving is no error to log", async (t) => {
    const { client, end } = await startProgram(
      t,
      `const server = createServer(async (req, res) => {
        if (req.url === "/") return res.end();
        res.write("begun");
        for await (const _ of req);
      }).listen(0); ${listening}`,
    );
    const upload = client.requestRaw(
      { ...post, CONTENT_LENGTH: "10" },
      { body: Readable.from([Buffer.from("begun")]) },
    );
    await assert.rejects(upload.then(({ stdout }) => text(stdout)));
    await client.request(GET).then(read);
    assert.equal(await end(), "");
  });

  test("overFastCGI() logs, too, unless its server has a listener", async (t) => {
    for (const [listener, expected] of [
      ["", /^Error: broken\n/],
      [".on('requestError', (error) => console.error('heard', error.message))", /^heard broken\n$/],
    ] as const) {
      const { end } = await startProgram(
        t,
        `const server = overFastCGI(() => { throw new Error('broken') }).listen(0)${listener};
         server.on('listening', async () => {
           await fetch('http://127.0.0.1:' + server.address().port);
           console.log(1);
         });`,
      );
      assert.match(await end(), expected);
    }
  });
});

/** Starts a server whose errors are gathered. */
async function startFailing(t: TestContext, options: FastCGIServerOptions, app: RequestListener) {
  const started = await startServer(t, options, app);
  const errors: [message: string, hasMessages: boolean][] = [];
  started.server.on("requestError", (error: Error, req: unknown, res: unknown) => {
    errors.push([error.message, req instanceof IncomingMessage && res instanceof ServerResponse]);
  });
  return { ...started, errors };
}

describe("what fails before the application has the request", () => {
  const broken = (): never => {
    throw new Error("broken");
  };
  class BrokenMessage extends IncomingMessage {
    constructor(socket: Socket) {
      super(socket);
      broken();
    }
  }
  class BrokenResponse extends ServerResponse {
    override assignSocket(): void {
      broken();
    }
  }
  for (const [name, options] of [
    ["the IncomingMessage option", { IncomingMessage: BrokenMessage }],
    ["the ServerResponse option", { ServerResponse: BrokenResponse }],
  ] as const) {
    test(`a class of ${name} that throws: 500 and requestError, and the neighbours get their responses`, async (t) => {
      const { open, errors } = await startFailing(
        t,
        { ...options, maxRequests: 2 } as unknown as FastCGIServerOptions,
        (_req, res) => res.end("hello"),
      );
      const link = await open();
      for (let round = 0; round < 3; round++) {
        link.send(request(1), request(2));
        for (const id of [1, 2]) {
          const response = await link.response(id);
          assert.deepEqual([response.status, response.text], [500, "Internal Server Error\n"]);
        }
      }
      assert.deepEqual(errors, new Array(6).fill(["broken", true]));
    });
  }

  test("an error of V8 or of ours while the head is read: 500 without its text, and requestError", async (t) => {
    const { open, errors } = await startFailing(t, { maxRequests: 3 }, (req, res) => {
      req.resume().on("end", () => res.end("hello"));
    });
    const link = await open();
    link.send(head(1, { method: "POST", body: "body" }));
    // What one request can bring about is not known: V8 says so of a string that is too long, for instance.
    const original = Buffer.prototype.toString;
    t.after(() => {
      Buffer.prototype.toString = original;
    });
    Buffer.prototype.toString = function (
      this: Buffer,
      encoding?: BufferEncoding,
      start?: number,
      end?: number,
    ): string {
      if (encoding === "latin1" && this.includes("/broken")) throw new RangeError("Invalid string length");
      return original.call(this, encoding, start, end);
    };
    link.send(request(2, { url: "/broken" }), wire.record(wire.STDIN, 1, "body"), request(3));
    const response = await link.response(2);
    assert.deepEqual([response.status, response.text], [500, "Internal Server Error\n"]);
    for (const id of [1, 3]) assert.equal((await link.response(id)).text, "hello");
    assert.deepEqual(errors, [["Invalid string length", true]]);
  });
});

test("a list of allowed addresses that throws lets nobody in, and its error is the process's", async (t) => {
  const { client, end } = await startProgram(
    t,
    `import { BlockList } from "node:net";
     class Broken extends BlockList { check() { throw new Error("broken"); } }
     process.on("uncaughtException", (error) => console.error("uncaught", error.message));
     const allowedAddresses = new Broken();
     const server = createServer({ allowedAddresses }, (req, res) => res.end()).listen(0); ${listening}
     server.on("clientError", (error, socket) => console.error(error.code, socket.destroyed));`,
  );
  // When the second is turned away, all that the first brought about is written.
  for (let attempt = 0; attempt < 2; attempt++) await assert.rejects(client.request(GET));
  assert.match(await end(), /^ERR_FCGI_ADDRESS true\nuncaught broken\n/);
});

test("a listener of the Filter role's data that throws fails its request alone", async (t) => {
  const { open, errors } = await startFailing(
    t,
    {
      maxRequests: 2,
      roles: {
        filter: ({ data, stdout }) => {
          stdout.write("Content-Type: text/plain\r\n\r\n");
          return new Promise(() => {
            data.on("data", (chunk: Buffer) => {
              if (chunk.includes("second")) throw new Error("broken");
            });
          });
        },
      },
    },
    (_req, res) => res.end("hello"),
  );
  const link = await open();
  const begin = Buffer.concat([wire.begin(1, wire.KEEP_CONN, 3), head(1).subarray(16)]);
  for (let round = 0; round < 2; round++) {
    link.send(begin, wire.record(wire.STDIN, 1), wire.record(wire.DATA, 1, "first"));
    await link.output(1, "text/plain");
    link.send(head(2), wire.record(wire.DATA, 1, "second"), wire.record(wire.DATA, 1, "third"), request(3));
    assert.equal((await link.response(1)).appStatus, 1);
    for (const id of [2, 3]) assert.equal((await link.response(id)).text, "hello");
  }
  assert.deepEqual(errors, new Array(2).fill(["broken", true]));
});

describe("listeners of request", () => {
  const listener = async (): Promise<never> => {
    throw new Error("broken");
  };
  const added: readonly [name: string, add: (server: ReturnType<typeof createServer>) => unknown][] = [
    ["createServer()", () => {}],
    ["on()", (server) => server.on("request", listener)],
    ["addListener()", (server) => server.addListener("request", listener)],
    ["prependListener()", (server) => server.prependListener("request", listener)],
    ["once()", (server) => server.once("request", listener)],
    ["prependOnceListener()", (server) => server.prependOnceListener("request", listener)],
  ];
  for (const [name, add] of added) {
    test(`added by ${name} are held as they were given, and their rejections become requestError`, async (t) => {
      const { server, open, errors } = await startFailing(t, {}, listener);
      if (name !== "createServer()") server.removeAllListeners("request");
      add(server);
      assert.deepEqual(server.listeners("request"), [listener]);
      if (!/once/i.test(name)) assert.deepEqual(server.rawListeners("request"), [listener]);
      const link = await open();
      link.send(request(1));
      assert.equal((await link.response(1)).status, 500);
      assert.deepEqual(errors, [["broken", true]]);
      server.off("request", listener);
      assert.equal(server.listenerCount("request"), 0);
    });
  }

  test("of other events are not watched: what they reject is an unhandledRejection", async (t) => {
    const { client, end } = await startProgram(
      t,
      `process.on("unhandledRejection", (error) => console.error("unhandled", error.message));
       const server = createServer((req, res) => process.once("unhandledRejection", () => res.end("hello"))).listen(0);
       ${listening}
       server.on("connection", async () => { throw new Error("broken") });`,
    );
    assert.equal((await read(await client.request(GET))).body, "hello");
    assert.equal(await end(), "unhandled broken\n");
  });

  test("do not change the default of other emitters, also where the server cannot be made", () => {
    assert.throws(
      () => createServer({ insecureHTTPParser: 1 } as unknown as FastCGIServerOptions),
      TypeError,
    );
    assert.equal(EventEmitter.captureRejections, false);
  });
});
