import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import express from "express";
import {
  cgiRequest,
  createServer,
  type FastCGIServerOptions,
  fastcgi,
  isFastCGISocket,
  serveCGI,
} from "../../src/index.ts";
import { runCGIProgram } from "../support/cgi-program.ts";
import { GET, read, startFunction, startServer } from "../support/server.ts";

/** What a client forges. */
const FORGED = {
  HTTP_X_FORWARDED_FOR: "6.6.6.6",
  HTTP_X_FORWARDED_PROTO: "https",
  HTTP_X_FORWARDED_HOST: "evil.example",
  HTTP_X_FORWARDED_PORT: "6666",
  HTTP_X_FORWARDED_ANYTHING: "evil",
  HTTP_FORWARDED: "for=6.6.6.6",
  HTTP_X_REAL_IP: "6.6.6.6",
  HTTP_X_CLIENT_IP: "6.6.6.6",
};
/** What the web server says. */
const FACTS = {
  ...GET,
  REMOTE_ADDR: "192.0.2.1",
  SERVER_PORT: "8080",
  HTTP_HOST: "a.test:8080",
};
const FIELD = /forwarded|real-ip|client-ip/i;

/** All places where an application could find one of the fields, as an object each. */
function places(req: IncomingMessage): Record<string, Record<string, unknown>> {
  assert.ok(isFastCGISocket(req.socket));
  const { params } = req.socket;
  const entries = {
    headers: Object.entries(req.headers),
    headersDistinct: Object.entries(req.headersDistinct).map(([name, values]) => [name, values?.join(" | ")]),
    rawHeaders: req.rawHeaders.flatMap((name, index) =>
      index % 2 === 0 ? [[name.toLowerCase(), req.rawHeaders[index + 1]]] : [],
    ),
    params: fieldsOf(params),
    cgiRequest: fieldsOf(cgiRequest(req)?.params ?? {}),
  };
  return Object.fromEntries(
    Object.entries(entries).map(([place, list]) => [
      place,
      Object.fromEntries(list.filter(([name]) => FIELD.test(String(name)))),
    ]),
  );
}

function fieldsOf(params: Record<string, string | undefined>): [string, string | undefined][] {
  return Object.entries(params).map(([name, value]) => [
    name
      .replace(/^HTTP_/, "")
      .replaceAll("_", "-")
      .toLowerCase(),
    value,
  ]);
}

async function see(
  t: Parameters<typeof startServer>[0],
  options: FastCGIServerOptions,
  params: Record<string, string>,
): Promise<Record<string, unknown>> {
  const { client } = await startServer(
    t,
    createServer(options, (req, res) => res.end(JSON.stringify(places(req)))),
  );
  return JSON.parse((await read(await client.request(params))).body);
}

/** The same in all places. */
function everywhere(fields: Record<string, string>): Record<string, unknown> {
  return { headers: fields, headersDistinct: fields, rawHeaders: fields, params: fields, cgiRequest: fields };
}

const PASSED = Object.fromEntries(fieldsOf(FORGED)) as Record<string, string>;
const SET = {
  "x-forwarded-for": "192.0.2.1",
  "x-forwarded-proto": "http",
  "x-forwarded-host": "a.test:8080",
  "x-forwarded-port": "8080",
  "x-real-ip": "192.0.2.1",
};

describe("the option forwarded", () => {
  test("keeps the fields from the application by default, and with drop", async (t) => {
    assert.deepEqual(await see(t, {}, { ...FACTS, ...FORGED }), everywhere({}));
    assert.deepEqual(await see(t, { forwarded: "drop" }, { ...FACTS, ...FORGED }), everywhere({}));
  });

  test("puts the web server's word in their place with set", async (t) => {
    assert.deepEqual(await see(t, { forwarded: "set" }, { ...FACTS, ...FORGED }), everywhere(SET));
    assert.deepEqual(await see(t, { forwarded: "set" }, FACTS), everywhere(SET));
    assert.deepEqual(
      await see(t, { forwarded: "set" }, { ...FACTS, ...FORGED, HTTPS: "on", SERVER_SOFTWARE: "Caddy/2.6" }),
      everywhere({ ...SET, "x-forwarded-proto": "https" }),
    );
  });

  test("sets no field of which the web server says nothing", async (t) => {
    const params = { ...GET, ...FORGED, REMOTE_ADDR: "unix:" };
    assert.deepEqual(await see(t, { forwarded: "set" }, params), everywhere({ "x-forwarded-proto": "http" }));
  });

  test("leaves what comes with pass", async (t) => {
    assert.deepEqual(await see(t, { forwarded: "pass" }, { ...FACTS, ...FORGED }), everywhere(PASSED));
  });

  test("knows the fields by any spelling that becomes theirs", async (t) => {
    const params = {
      ...FACTS,
      HTTP_x_forwarded_for: "6.6.6.6",
      "HTTP_X-FORWARDED-PROTO": "https",
      HTTP_X_FORWARDED_: "evil",
    };
    assert.deepEqual(await see(t, {}, params), everywhere({}));
    assert.deepEqual(await see(t, { forwarded: "set" }, params), everywhere(SET));
  });

  test("lets Express with trust proxy see the web server's word", async (t) => {
    for (const [forwarded, expected] of [
      ["drop", ["192.0.2.1", "http", "a.test"]],
      ["set", ["192.0.2.1", "http", "a.test"]],
      ["pass", ["6.6.6.6", "https", "evil.example"]],
    ] as const) {
      const app = express();
      app.set("trust proxy", true);
      app.use((req, res) => void res.json([req.ip, req.protocol, req.hostname]));
      const { client } = await startServer(t, createServer({ forwarded }, app));
      const { body } = await read(await client.request({ ...FACTS, ...FORGED }));
      assert.deepEqual(JSON.parse(body), expected, forwarded);
    }
  });

  test("holds for CGI functions and Authorizers", async (t) => {
    const { client } = await startFunction(t, ({ env, params, send }) =>
      send([env.HTTP_X_FORWARDED_FOR ?? null, params.HTTP_FORWARDED ?? null]),
    );
    assert.equal((await read(await client.request({ ...FACTS, ...FORGED }))).body.trim(), "[null,null]");
    for (const [forwarded, status] of [
      ["drop", 200],
      ["pass", 403],
    ] as const) {
      const server = createServer({
        forwarded,
        roles: {
          authorizer: ({ env, allow, deny }) => (env.HTTP_X_REAL_IP === undefined ? allow() : deny()),
        },
      });
      const { client } = await startServer(t, server);
      const response = await client.request({ ...FACTS, ...FORGED }, { role: "authorizer" });
      assert.equal((await read(response)).status, status, forwarded);
    }
  });

  test("holds for plain CGI", async () => {
    const index = JSON.stringify(new URL("../../src/index.ts", import.meta.url).href);
    for (const [options, expected] of [
      ["{}", "undefined undefined"],
      ['{ forwarded: "set" }', "192.0.2.1 192.0.2.1"],
      ['{ forwarded: "pass" }', "6.6.6.6 6.6.6.6"],
    ] as const) {
      const source = `import { serveCGI } from ${index};
        serveCGI(({ headers, socket }, res) =>
          res.end(headers["x-forwarded-for"] + " " + socket.params.HTTP_X_FORWARDED_FOR), ${options});`;
      const { stdout } = await runCGIProgram(["--input-type=module", "-e", source], { ...FACTS, ...FORGED });
      assert.match(stdout, new RegExp(`\r\n\r\n${expected}$`), options);
    }
  });

  test("is refused by name with any other value", () => {
    for (const value of ["trust", "", true, null, 1]) {
      for (const call of [
        (options: object) => createServer(options),
        (options: object) => serveCGI(() => {}, options),
        (options: object) => fastcgi(() => {}, { port: 0, ...options }),
      ]) {
        assert.throws(() => call({ forwarded: value }), {
          name: "TypeError",
          code: "ERR_INVALID_ARG_VALUE",
          message: new RegExp(`^option forwarded is .*${String(value)}.*: give "drop", "set" or "pass"$`),
        });
      }
    }
  });
});
