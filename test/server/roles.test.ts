import assert from "node:assert/strict";
import { once } from "node:events";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import test from "node:test";
import { type AuthorizerFunction, createServer } from "../../src/index.ts";
import { RequestRefusedError } from "../../src/protocol/index.ts";
import { collectErrors, GET, read, startServer } from "../support/server.ts";

const AUTHORIZER = { role: "authorizer" } as const;

/** Calls functions one after the other, whatever they throw. */
function ignoreError(...functions: (() => unknown)[]): void {
  for (const call of functions) {
    try {
      call();
    } catch {
      // As in a program that goes on.
    }
  }
}

test("refuses roles that are not set with UNKNOWN_ROLE (6)", async (t) => {
  for (const [roles, refused] of [
    [undefined, ["authorizer", "filter"]],
    [{ authorizer: () => {} }, ["filter"]],
    [{ filter: () => {} }, ["authorizer"]],
  ] as const) {
    const { client } = await startServer(
      t,
      createServer({ roles }, (_req, res) => res.end("responder")),
    );
    assert.equal((await read(await client.request(GET))).body, "responder");
    for (const role of refused) {
      await assert.rejects(
        client.request(GET, { role }),
        (error) => error instanceof RequestRefusedError && error.protocolStatus === 3,
      );
    }
  }
});

test("an Authorizer lets a request pass, with variables (6.3)", async (t) => {
  const { client } = await startServer(
    t,
    createServer({
      roles: {
        authorizer: ({ env, role, allow }) => {
          assert.equal(role, "authorizer");
          return allow({ variables: { REMOTE_USER: env.HTTP_X_USER ?? "", GROUP: "staff" } });
        },
      },
    }),
  );
  const { status, headers, body } = await read(
    await client.request({ ...GET, HTTP_X_USER: "ada" }, AUTHORIZER),
  );
  assert.equal(status, 200);
  assert.equal(headers["variable-remote_user"], "ada");
  assert.equal(headers["variable-group"], "staff");
  assert.equal(body, "");
});

test("an Authorizer denies a request, and its response goes to the client", async (t) => {
  const { client } = await startServer(
    t,
    createServer({
      roles: {
        authorizer: ({ params, deny }) => {
          if (params.REQUEST_URI === "/login")
            return deny(401, "<p>who?", { headers: { "WWW-Authenticate": "Basic" } });
          return deny();
        },
      },
    }),
  );
  const forbidden = await read(await client.request(GET, AUTHORIZER));
  assert.equal(forbidden.status, 403);
  assert.equal(forbidden.body, "Forbidden\n");
  const login = await read(await client.request({ ...GET, REQUEST_URI: "/login" }, AUTHORIZER));
  assert.equal(login.status, 401);
  assert.equal(login.headers["www-authenticate"], "Basic");
  assert.equal(login.body, "<p>who?");
});

test("nothing but allow(), or a 200 written to stdout, lets a request pass an Authorizer", async (t) => {
  const broken = () => Readable.from([], { read: () => {} }).destroy(new Error("broken"));
  const cases: [name: string, authorizer: AuthorizerFunction, status: number][] = [
    ["deny(403, Response)", ({ deny }) => deny(403, new Response("no")), 403],
    ["deny(404, Response with a status)", ({ deny }) => deny(404, new Response("no", { status: 401 })), 404],
    ["deny(403, body, { status })", ({ deny }) => deny(403, "no", { status: 200 }), 403],
    ["deny('200')", ({ deny }) => deny("200" as unknown as number), 500],
    ["deny('403')", ({ deny }) => deny("403" as unknown as number), 500],
    ["deny(200)", ({ deny }) => deny(200), 500],
    ["deny(200.5)", ({ deny }) => deny(200.5), 500],
    ["deny(204)", ({ deny }) => deny(204), 500],
    ["deny(299, Response)", ({ deny }) => deny(299, new Response("no")), 500],
    ["deny(600)", ({ deny }) => deny(600), 500],
    ["deny(NaN)", ({ deny }) => deny(Number.NaN), 500],
    ["deny(null)", ({ deny }) => deny(null as unknown as number), 500],
    ["deny() of a stream that breaks", ({ deny }) => deny(403, broken()), 500],
    ["send(text)", ({ send }) => send("no"), 500],
    ["send(object)", ({ send }) => send({ allowed: false }), 500],
    ["send(stream)", ({ send }) => send(Readable.from(["no"])), 500],
    ["send(Response)", ({ send }) => send(new Response("no")), 500],
    [
      "send() after a deny() whose status was refused",
      ({ deny, send }) =>
        ignoreError(
          () => deny(200),
          () => send("no"),
        ),
      500,
    ],
    ["send(Response 403)", ({ send }) => send(new Response("no", { status: 403 })), 403],
    ["send(text, { status: 401 })", ({ send }) => send("no", { status: 401 }), 401],
    ["a refused status, and no more", ({ deny }) => ignoreError(() => deny(200)), 500],
    ["a refused status that is not awaited", async ({ deny }) => ignoreError(() => deny(200)), 500],
    ["return of a Response", () => new Response("no"), 500],
    ["return of a promised Response 403", async () => new Response("no", { status: 403 }), 500],
    ["exit(0)", ({ exit }) => exit(0), 500],
    ["allow() with a malformed variable", ({ allow }) => allow({ variables: { A: "x\r\nY: z" } }), 500],
    ["allow() after deny()", ({ allow, deny }) => ignoreError(deny, allow), 403],
    ["allow()", ({ allow }) => allow(), 200],
    ["stdout", ({ stdout }) => stdout.write("Status: 200 OK\r\n\r\n"), 200],
  ];
  for (const [name, authorizer, status] of cases) {
    const { client } = await startServer(t, createServer({ roles: { authorizer } }));
    const response = await read(await client.request(GET, AUTHORIZER));
    assert.equal(response.status, status, name);
  }
});

test("a refused status is a TypeError that names it", async (t) => {
  const { client, server } = await startServer(
    t,
    createServer({ roles: { authorizer: ({ deny }) => deny("200" as unknown as number) } }),
  );
  const errors = collectErrors(server);
  await read(await client.request(GET, AUTHORIZER));
  assert.ok(errors[0] instanceof TypeError);
  assert.equal(
    errors[0].message,
    'status of a refusal is "200": give an integer from 300 to 599, or call allow() to let the request pass',
  );
});

test("an Authorizer that returns a body, fails or sends no response lets nothing pass", async (t) => {
  const functions = [
    async () => "denied",
    () => ({ allowed: false }),
    async () => {},
    () => {
      throw new Error("database is gone");
    },
    ({ deny }: { deny: (status: number) => unknown }) => deny(200),
  ];
  for (const authorizer of functions) {
    const { client } = await startServer(t, createServer({ roles: { authorizer } }));
    assert.equal((await read(await client.request(GET, AUTHORIZER))).status, 500);
  }
});

test("an Authorizer responds to a POST, whose body is not sent to it", async (t) => {
  for (const length of [{ CONTENT_LENGTH: "5" }, {}]) {
    const { client } = await startServer(
      t,
      createServer({
        roles: {
          authorizer: async ({ stdin, allow }) => {
            assert.equal(await text(stdin), "");
            return allow();
          },
        },
      }),
    );
    const response = await client.request({ ...GET, REQUEST_METHOD: "POST", ...length }, AUTHORIZER);
    assert.equal((await read(response)).status, 200);
  }
});

test("a Filter reads stdin and data (6.4)", async (t) => {
  const { client } = await startServer(
    t,
    createServer({
      roles: {
        filter: async ({ env, stdin, data, stdout }) => {
          const body = await text(stdin);
          stdout.write(
            `Content-Type: text/plain\r\n\r\n${env.FCGI_DATA_LENGTH} ${env.FCGI_DATA_LAST_MOD} ${body} `,
          );
          for await (const chunk of data) stdout.write(String(chunk).toUpperCase());
        },
      },
    }),
  );
  const params = { ...GET, CONTENT_LENGTH: "4", FCGI_DATA_LAST_MOD: "1700000000", FCGI_DATA_LENGTH: "9" };
  const response = await client.request(params, { role: "filter", body: "body", data: "file text" });
  assert.equal((await read(response)).body, "9 1700000000 body FILE TEXT");
});

test("a Filter that reads data first, or one stream only, does not stall", async (t) => {
  const big = Buffer.alloc(1_000_000, "x");
  const params = { ...GET, REQUEST_METHOD: "POST", CONTENT_LENGTH: String(big.length) };
  for (const order of ["data stdin", "data", "stdin", ""]) {
    const { client } = await startServer(
      t,
      createServer({
        roles: {
          filter: async ({ stdin, data }) => {
            const lengths: number[] = [];
            for (const name of order.split(" ").filter(Boolean)) {
              lengths.push((await text(name === "data" ? data : stdin)).length);
            }
            return lengths;
          },
        },
      }),
    );
    const response = await client.request(params, {
      role: "filter",
      body: Readable.from([big]),
      data: Readable.from([big]),
    });
    const expected = order
      .split(" ")
      .filter(Boolean)
      .map(() => big.length);
    assert.deepEqual(JSON.parse((await read(response)).body), expected, order);
  }
});

test("data is destroyed when the web server leaves", async (t) => {
  let closed: Promise<unknown> | undefined;
  const { client } = await startServer(
    t,
    createServer({
      roles: {
        filter: ({ data, signal, stdout }) => {
          data.on("data", () => {});
          closed = Promise.all([new Promise((resolve) => data.on("close", resolve)), once(signal, "abort")]);
          stdout.write("Content-Type: text/plain\r\n\r\n");
          return closed;
        },
      },
    }),
  );
  const never = new Readable({ read() {} });
  const response = await client.request(GET, { role: "filter", body: "", data: never });
  response.body.destroy();
  await closed;
});
