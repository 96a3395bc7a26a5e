import assert from "node:assert/strict";
import { type EventEmitter, once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, test } from "node:test";
import type { FastCGIServerOptions } from "../../src/index.ts";
import type { Link } from "../support/link.ts";
import { head, request } from "../support/request.ts";
import { clientErrorCode, startServer } from "../support/server.ts";
import * as wire from "../support/wire.ts";

const OFTEN = { connectionsCheckingInterval: 10 };

describe("time-outs destroy the connection with ERR_FCGI_TIMEOUT", () => {
  const cases: readonly [name: string, options: FastCGIServerOptions, send: (link: Link) => void][] = [
    ["beginTimeout: no request comes", { beginTimeout: 30 }, () => {}],
    ["beginTimeout: half a header comes", { beginTimeout: 30 }, (link) => link.send(Buffer.of(1, 1, 0))],
    ["headersTimeout: params stay incomplete", { headersTimeout: 30 }, (link) => link.send(wire.begin(1, 1))],
    [
      "stdinTimeout: a body stalls that the application reads",
      { stdinTimeout: 30 },
      (link) => link.send(head(1, { method: "POST", body: "whole" }), wire.record(wire.STDIN, 1, "ha")),
    ],
    [
      "requestTimeout: a request takes too long to come",
      { requestTimeout: 30, stdinTimeout: 0 },
      (link) => link.send(head(1, { method: "POST", body: "whole" }), wire.record(wire.STDIN, 1, "ha")),
    ],
  ];
  for (const [name, options, send] of cases) {
    test(name, async (t) => {
      const { open, server } = await startServer(t, { ...OFTEN, ...options }, (req) => void req.resume());
      const link = await open();
      const code = clientErrorCode(server);
      send(link);
      assert.equal(await code, "ERR_FCGI_TIMEOUT");
      await link.closed();
    });
  }

  test("a record of an idle connection that stays incomplete", async (t) => {
    const { open, server } = await startServer(
      t,
      { ...OFTEN, headersTimeout: 30 },
      (_req, res) => void res.end(),
    );
    const link = await open();
    link.send(request(1));
    await link.response(1);
    const code = clientErrorCode(server);
    link.send(wire.begin(2, 1).subarray(0, 10));
    assert.equal(await code, "ERR_FCGI_TIMEOUT");
    await link.closed();
  });

  test("a stalled request among others is aborted alone", async (t) => {
    let finish = (): void => {};
    const { open } = await startServer(t, { ...OFTEN, stdinTimeout: 50 }, (req, res) => {
      req.on("error", () => {});
      if (req.url === "/wait") finish = () => res.end("waited");
      else req.resume();
    });
    const link = await open();
    link.send(request(1, { url: "/wait" }), head(2, { method: "POST", body: "body" }));
    assert.equal((await link.response(2)).appStatus, 1);
    finish();
    assert.equal((await link.response(1)).text, "waited");
  });
});

describe("kept connections", () => {
  test("stay open without keepAliveTimeout, and are closed by one", async (t) => {
    const { open, server } = await startServer(t, OFTEN, (_req, res) => void res.end("hello"));
    const [link, other] = [await open(), await open()];
    link.send(request(1));
    await link.response(1);
    assert.equal(server.keepAliveTimeout, 0);
    server.keepAliveTimeout = 40;
    await link.closed();
    server.keepAliveTimeout = 0;
    other.send(request(1));
    assert.equal((await other.response(1)).status, 200);
    assert.equal(other.isClosed, false);
  });

  test("drain the rest of a body for lingerTimeout after an early response without FCGI_KEEP_CONN", async (t) => {
    const { open } = await startServer(
      t,
      { ...OFTEN, lingerTimeout: 40 },
      (_req, res) => void res.end("early"),
    );
    const link = await open();
    link.send(head(1, { method: "POST", body: "never sent", keepConn: false }));
    assert.equal((await link.response(1)).text, "early");
    await link.closed();
  });
});

describe("setTimeout as in node:http", () => {
  type Setting = (req: IncomingMessage, res: ServerResponse, heard: (who: string) => void) => void;
  const settings: readonly [string, Setting][] = [
    ["req", (req, _res, heard) => void req.setTimeout(20, () => heard("req"))],
    ["res", (_req, res, heard) => void res.setTimeout(20, () => heard("res"))],
    ["socket", (req, _res, heard) => void req.socket.setTimeout(20, () => heard("socket"))],
  ];
  for (const [who, set] of settings) {
    test(`${who}.setTimeout calls back after the time without activity`, async (t) => {
      const heard: string[] = [];
      const { open } = await startServer(t, {}, (req, res) => {
        // node:http destroys the socket unless req, res or server has a listener for `timeout`.
        res.on("timeout", () => {});
        set(req, res, (name) => {
          heard.push(name);
          res.end("late");
        });
      });
      const link = await open();
      // As in node:http, `req` emits `timeout` only while its body is incomplete.
      link.send(head(1, { method: "POST", body: "to come" }));
      assert.equal((await link.response(1)).text, "late");
      assert.deepEqual(heard, [who]);
    });
  }

  test("server.setTimeout emits timeout with the request's socket", async (t) => {
    const { open, server } = await startServer(t, {}, (_req, res) => void res.write("begun"));
    server.setTimeout(20);
    const link = await open();
    link.send(request(1));
    const [socket] = await once(server, "timeout");
    assert.equal("params" in socket, true);
    socket.destroy();
    await link.closed();
  });

  test("without a listener the request is destroyed", async (t) => {
    const { open, server } = await startServer(t, {}, () => {});
    const begun = once(server, "request");
    server.setTimeout(20);
    const link = await open();
    link.send(request(1));
    const [req, res] = await begun;
    // Not events.once(), which rejects on `error`.
    const isClosed = (emitter: EventEmitter) => new Promise((resolve) => emitter.on("close", resolve));
    await Promise.all([isClosed(req), isClosed(res), link.closed()]);
  });
});
