import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHTTPServer } from "node:http";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import test, { type TestContext } from "node:test";
import express from "express";
import supertest from "supertest";
import {
  type CGIFunction,
  cgiListener,
  cgiRequest,
  createServer,
  FastCGIHandler,
  serveHTTP,
} from "../../src/index.ts";
import { GET, read, startFunction, startServer } from "../support/server.ts";

/** Responds to one request with a function, and returns the response. */
async function respond(
  t: TestContext,
  handler: CGIFunction,
  params: Record<string, string> = {},
  body?: string,
) {
  const { client, errors } = await startFunction(t, handler);
  const all = {
    ...GET,
    ...(body !== undefined && { CONTENT_LENGTH: String(Buffer.byteLength(body)) }),
    ...params,
  };
  const response = await client.request(all, body === undefined ? {} : { body });
  return { ...(await read(response)), errors, ended: await response.ended };
}

const HEAD = "Content-Type: text/plain\r\n\r\n";

test("gives a function the shape of process", async (t) => {
  const { body, status } = await respond(
    t,
    async (process) => {
      let content = "";
      for await (const chunk of process.stdin) content += chunk;
      process.stdout.write(`${HEAD}${content} ; ${process.env.QUERY_STRING} ; ${process.argv.length}`);
    },
    { REQUEST_METHOD: "POST", QUERY_STRING: "a=1" },
    "body",
  );
  assert.equal(status, 200);
  assert.equal(body, "body ; a=1 ; 2");
});

test("runs the body of a script with listeners on stdin", async (t) => {
  const { body } = await respond(
    t,
    (process) => {
      let content = "";
      process.stdin.setEncoding("utf8");
      process.stdin.on("data", (chunk) => {
        content += chunk;
      });
      process.stdin.on("end", () => {
        process.stdout.write(HEAD);
        process.stdout.write(content.toUpperCase());
      });
    },
    { REQUEST_METHOD: "POST" },
    "hello",
  );
  assert.equal(body, "HELLO");
});

test("ends the response of a function that has written and returned", async (t) => {
  assert.equal((await respond(t, ({ stdout }) => stdout.write(`${HEAD}done`))).body, "done");
});

test("waits for the end() of a function that has returned without a response", async (t) => {
  const { body } = await respond(t, ({ stdout }) => setImmediate(() => stdout.end(`${HEAD}late`)));
  assert.equal(body, "late");
});

test("pipes stdin to stdout", async (t) => {
  const { body } = await respond(
    t,
    ({ stdin, stdout }) => {
      stdout.write(HEAD);
      stdin.pipe(stdout);
    },
    { REQUEST_METHOD: "POST" },
    "x".repeat(300_000),
  );
  assert.equal(body.length, 300_000);
});

test("env and params are the variables, without those of the process and without HTTP_PROXY", async (t) => {
  const { body } = await respond(
    t,
    ({ env, params }) => ({
      names: Object.keys(env).sort(),
      same: Object.keys(params).every((name) => env[name] === params[name]),
      prototype: Object.getPrototypeOf(params),
    }),
    { HTTP_PROXY: "http://evil.example", HTTP_X: "1" },
  );
  assert.deepEqual(JSON.parse(body), {
    names: ["HTTP_X", "REQUEST_METHOD", "REQUEST_URI", "SERVER_PROTOCOL"],
    same: true,
    prototype: null,
  });
});

test("exit() ends the response with its code, and what is written later is dropped", async (t) => {
  const { body, ended, errors } = await respond(t, ({ stdout, exit }) => {
    stdout.write(`${HEAD}before`);
    exit(3);
    stdout.write("after");
  });
  assert.equal(body, "before");
  assert.equal(ended.appStatus, 3);
  assert.deepEqual(errors, []);
});

test("exitCode becomes the exit status of the request", async (t) => {
  const { ended } = await respond(t, (process) => {
    process.exitCode = 4;
    return "text";
  });
  assert.equal(ended.appStatus, 4);
});

test("stderr goes to the web server's log", async (t) => {
  const { stderr, body } = await respond(t, ({ stderr, stdout }) => {
    stderr.write("a word aside");
    stdout.end(`${HEAD}text`);
  });
  assert.equal(stderr, "a word aside");
  assert.equal(body, "text");
});

test("sends what a function returns", async (t) => {
  const values: [unknown, string, string][] = [
    ["<p>ü", "text/html; charset=utf-8", "<p>ü"],
    [Buffer.from("bytes"), "application/octet-stream", "bytes"],
    [Readable.from(["a", "b"]), "application/octet-stream", "ab"],
    [pieces(), "application/octet-stream", "onetwo"],
    [{ a: 1 }, "application/json", '{"a":1}\n'],
    [[1, 2], "application/json", "[1,2]\n"],
    [new Response("web", { headers: { "content-type": "text/css" } }), "text/css", "web"],
  ];
  for (const [value, type, expected] of values) {
    for (const handler of [() => value, async () => value]) {
      if (handler.constructor.name === "AsyncFunction" && typeof value === "object" && !isPlain(value))
        continue;
      const { body, headers } = await respond(t, handler);
      assert.equal(body, expected);
      assert.equal(headers["content-type"], type);
    }
  }
});

function isPlain(value: unknown): boolean {
  return value instanceof Buffer || Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

async function* pieces() {
  yield "one";
  yield Buffer.from("two");
}

test("send() takes status, header fields and type, and gives the length", async (t) => {
  const { status, headers, body } = await respond(t, ({ send }) =>
    send("made", { status: 201, type: "text/plain", headers: { "X-A": "1", "Set-Cookie": ["a", "b"] } }),
  );
  assert.equal(status, 201);
  assert.equal(body, "made");
  assert.equal(headers["x-a"], "1");
  assert.equal(headers["content-length"], "4");
  assert.deepEqual(headers["set-cookie"], ["a", "b"]);
});

test("send() passes on a web Response with its cookies apart", async (t) => {
  const { status, headers } = await respond(t, ({ send }) => {
    const response = new Response(null, { status: 303, headers: { location: "/x" } });
    response.headers.append("set-cookie", "a=1");
    response.headers.append("set-cookie", "b=2");
    return send(response);
  });
  assert.equal(status, 303);
  assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
});

test("a second send() is the program's error, and the first response stands", async (t) => {
  const { body, errors } = await respond(t, ({ send }) => {
    send("first");
    send("second");
  });
  assert.equal(body, "first");
  assert.match(errors[0]!.message, /response has begun already/);
});

test("a stream that fails before its first piece becomes a 500, later a response that is cut off", async (t) => {
  const failing = (after: string[]) =>
    Readable.from(
      (async function* () {
        yield* after;
        throw new Error("source is broken");
      })(),
    );
  const early = await respond(t, () => failing([]));
  assert.equal(early.status, 500);
  assert.equal(early.errors[0]!.message, "source is broken");
  assert.ok(!early.body.includes("broken"));
  await assert.rejects(respond(t, () => failing(["piece"])));
});

test("parses CGI output as RFC 3875 says, split anywhere", async (t) => {
  const outputs: [string, number, Record<string, string>, string][] = [
    ["Status: 404 Not Here\nContent-Type: text/plain\n\nbody", 404, { "content-type": "text/plain" }, "body"],
    ["Content-Type: text/plain\r\n\r\nbody", 200, { "content-type": "text/plain" }, "body"],
    ["Location: http://example.com/\n\n", 302, { location: "http://example.com/" }, ""],
    ["Location: /local?x=1\n\n", 302, { location: "/local?x=1" }, ""],
    ["Status: 301\nLocation: /moved\n\n", 301, { location: "/moved" }, ""],
    ["X-No-Type: 1\r\n\r\nbody", 200, { "x-no-type": "1" }, "body"],
  ];
  for (const [output, status, headers, body] of outputs) {
    for (const size of [1, 7, output.length]) {
      const result = await respond(t, ({ stdout }) => {
        for (let at = 0; at < output.length; at += size) stdout.write(output.slice(at, at + size));
      });
      assert.equal(result.status, status, output);
      assert.equal(result.body, body);
      for (const [name, value] of Object.entries(headers)) assert.equal(result.headers[name], value);
      if (!output.includes("Type")) assert.equal(result.headers["content-type"], undefined);
    }
  }
});

test("a local redirect keeps status 200 behind Apache, which then redirects by itself", async (t) => {
  const handler: CGIFunction = ({ stdout }) => stdout.write("Location: /elsewhere\n\n");
  const { status } = await respond(t, handler, { SERVER_SOFTWARE: "Apache/2.4.62 (Debian)" });
  assert.equal(status, 200);
});

test("a malformed head becomes a 500 with the reason on stderr and in requestError", async (t) => {
  for (const [output, reason] of [
    ["<html>no head</html>\n\n", /no header field/],
    ["", /empty/],
    ["Content-Type: text/html\r\n", /ends before its empty line/],
    ["HTTP/1.1 200 OK\r\n\r\n", /CGI wants "Status: 200 OK"/],
  ] as const) {
    const { status, body, stderr, errors } = await respond(t, async ({ stdout }) => {
      if (output !== "") stdout.write(output);
    });
    assert.equal(status, 500);
    assert.equal(body, "Internal Server Error\n");
    assert.match(stderr, reason);
    assert.match(errors[0]!.message, reason);
  }
});

test("a function that throws results in a 500, and its error goes to requestError or stderr", async (t) => {
  for (const handler of [
    () => {
      throw new Error("secret");
    },
    async () => {
      throw new Error("secret");
    },
  ]) {
    const { status, body, errors, stderr } = await respond(t, handler);
    assert.equal(status, 500);
    assert.ok(!body.includes("secret"));
    assert.equal(errors[0]!.message, "secret");
    assert.equal(stderr, "");
  }
  const { server, client } = await startFunction(t, () => {
    throw new Error("nobody listens");
  });
  server.removeAllListeners("requestError");
  assert.match((await read(await client.request(GET))).stderr, /nobody listens/);
});

test("signal aborts when the web server leaves, and a pipeline into stdout ends", async (t) => {
  let outcome: Promise<unknown> | undefined;
  const { client, errors } = await startFunction(t, ({ stdout, signal }) => {
    stdout.write(HEAD);
    const aborted = once(signal, "abort");
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65536);
      })(),
    );
    const piped = pipeline(endless, stdout);
    outcome = Promise.all([aborted, assert.rejects(piped)]).then(() => signal.reason.code);
    return piped;
  });
  const response = await client.request(GET);
  await once(response.body, "readable");
  response.body.destroy();
  assert.equal(await outcome, "ERR_FCGI_ABORTED");
  assert.deepEqual(errors, []);
});

test("writing after the end of the response is reported to requestError", async (t) => {
  const { server, client } = await startFunction(t, ({ stdout }) => {
    stdout.end(`${HEAD}text`);
    stdout.write("late");
  });
  const failed = once(server, "requestError");
  await read(await client.request(GET));
  const [error] = await failed;
  assert.equal(error.code, "ERR_STREAM_WRITE_AFTER_END");
});

test("a class of FastCGIHandler responds", async (t) => {
  class Hello extends FastCGIHandler {
    async handle() {
      this.stdout.write(`${HEAD}Hello ${this.environ.QUERY_STRING}, ${await text(this.stdin)}`);
      this.stderr.write("handled");
    }
  }
  const { client } = await startServer(t, createServer(cgiListener(Hello)));
  const params = { ...GET, REQUEST_METHOD: "POST", QUERY_STRING: "you", CONTENT_LENGTH: "4" };
  const { body, stderr } = await read(await client.request(params, { body: "body" }));
  assert.equal(body, "Hello you, body");
  assert.equal(stderr, "handled");
});

test("the same function responds over HTTP, in supertest and in an Express application", async (t) => {
  const handler: CGIFunction = async ({ env, params, role, stdin, stdout }) => {
    assert.equal(params.REQUEST_METHOD, env.REQUEST_METHOD);
    stdout.write(`Status: 202\n${HEAD}${role} ${env.SCRIPT_NAME} ${env.PATH_INFO} ${await text(stdin)}`);
  };
  const server = serveHTTP(cgiListener(handler), 0);
  t.after(() => server.close());
  await once(server, "listening");
  await supertest(server).post("/a?b").send("body").expect(202, "responder  /a body");
  await supertest(cgiListener(handler)).get("/").expect(202);
  const app = express().use("/cgi", cgiListener(handler));
  await supertest(app).get("/cgi/x").expect(202, "responder /cgi /x ");
});

test("in an Express application errors go to its error handler", async () => {
  const app = express().use(
    cgiListener(() => {
      throw new Error("to next");
    }),
    (error: Error, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
      res.status(418).send(error.message);
    },
  );
  await supertest(app).get("/").expect(418, "to next");
});

test("cgiRequest() returns the request behind req, and nothing over plain HTTP", async (t) => {
  const app = express().get("/", async (req, res) => {
    const request = cgiRequest(req);
    if (request === undefined) {
      res.send("http");
      return;
    }
    assert.equal(request, cgiRequest(req));
    assert.equal(request.stdin, req);
    request.stderr.write("logged");
    request.stdout.end(`${HEAD}${request.role} ${request.params.REQUEST_URI} ${request.signal.aborted}`);
  });
  const { client } = await startServer(t, createServer(app));
  const { body, stderr } = await read(await client.request(GET));
  assert.equal(body, "responder / false");
  assert.equal(stderr, "logged");
  await supertest(createHTTPServer(app)).get("/").expect(200, "http");
});

test("send() takes its status before that of a Response, and refuses what is none", async (t) => {
  const status = async (handler: CGIFunction) => (await respond(t, handler)).status;
  assert.equal(await status(({ send }) => send(new Response("x", { status: 404 }))), 404);
  assert.equal(await status(({ send }) => send(new Response("x", { status: 404 }), { status: 410 })), 410);
  for (const wrong of ["200", 200.5, 199, 600, Number.NaN, null]) {
    const { status, errors } = await respond(t, ({ send }) => send("x", { status: wrong as number }));
    assert.equal(status, 500);
    assert.match(errors[0]!.message, /^status is .+: give an integer from 200 to 599$/);
  }
});

test("send() adds its header fields and its type to those of a Response", async (t) => {
  const { headers } = await respond(t, ({ send }) =>
    send(new Response("x", { headers: { "X-A": "1", "X-B": "1" } }), {
      headers: { "X-B": "2" },
      type: "text/css",
    }),
  );
  assert.equal(headers["x-a"], "1");
  assert.equal(headers["x-b"], "2");
  assert.equal(headers["content-type"], "text/css");
});
