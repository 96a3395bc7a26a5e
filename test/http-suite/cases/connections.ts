import assert from "node:assert/strict";
import { pattern } from "../app/streams.ts";
import { newInspection, open, requestHead, send, sendForEcho, sendOn } from "../request.ts";
import type { Case } from "../target.ts";

/** Several requests at a time, and one after another on a connection. */
export const connections: readonly Case[] = [
  {
    id: "connections/50-at-a-time",
    name: "responds to 50 requests at a time, each with its own",
    tags: ["transport"],
    async run(t) {
      const echoes = await Promise.all(
        Array.from({ length: 50 }, (_, index) => sendForEcho(t, { path: `/at-a-time/${index}` })),
      );
      for (const [index, echo] of echoes.entries()) assert.equal(echo.url, `/at-a-time/${index}`);
    },
  },
  {
    id: "connections/20-wait",
    name: "responds to other requests while 20 wait",
    tags: ["transport"],
    async run(t) {
      const inspection = newInspection(t);
      const waiting = Array.from({ length: 20 }, () => send(t, { path: inspection.path("held") }));
      assert.equal((await sendForEcho(t, { path: "/other" })).url, "/other");
      await inspection.release();
      for (const response of await Promise.all(waiting)) assert.equal(response.body.toString(), "released");
    },
  },
  {
    id: "connections/10-uploads",
    name: "responds to 10 uploads of 200 KB at a time, none mixed with another",
    tags: ["transport", "one-process"],
    async run(t) {
      const sizes = Array.from({ length: 10 }, (_, index) => 200_000 + index);
      const responses = await Promise.all(
        sizes.map((size) => send(t, { method: "POST", path: "/_/body", body: pattern(size) })),
      );
      assert.deepEqual(
        responses.map((response) => JSON.parse(response.body.toString()).length),
        sizes,
      );
    },
  },
  {
    id: "connections/all-kinds",
    name: "responds to requests of all kinds one after another on one connection",
    tags: ["transport", "one-process"],
    async run(t) {
      const connection = await open(t);
      const kinds = [
        { path: "/first" },
        { method: "HEAD", path: "/second" },
        { method: "POST", path: "/_/body", body: pattern(100_000) },
        { path: "/_/forbidden-body?code=304" },
        { path: "/_/size?length=300000&as=stream" },
        { method: "POST", path: "/_/ignored-upload", body: pattern(1000) },
        { path: "/_/forbidden-body?code=204" },
        { method: "POST", path: "/_/body", chunks: [pattern(10)] },
        { path: "/_/own-chunked" },
        { path: "/last" },
      ];
      for (const request of kinds) {
        await sendOn(connection, t, request);
        const response = await connection.response(request.method);
        assert.ok(response.complete);
        if (request.path === "/last") assert.equal(JSON.parse(response.body.toString()).url, "/last");
      }
      connection.destroy();
    },
  },
  {
    id: "connections/100-in-sequence",
    name: "responds to 100 requests on one connection",
    tags: ["transport", "one-process"],
    async run(t) {
      const connection = await open(t);
      for (let index = 0; index < 100; index++) {
        await sendOn(connection, t, { path: `/again/${index}` });
        assert.equal(JSON.parse((await connection.response()).body.toString()).url, `/again/${index}`);
      }
      connection.destroy();
    },
  },
  {
    id: "connections/pipelined",
    name: "responds to pipelined requests in order",
    async run(t) {
      const connection = await open(t);
      const paths = ["/p/1", "/p/2", "/p/3", "/p/4", "/p/5"];
      await connection.write(paths.map((path) => requestHead(t, { path }, path !== "/p/5")).join(""));
      for (const path of paths) {
        assert.equal(JSON.parse((await connection.response()).body.toString()).url, path);
      }
      connection.destroy();
    },
  },
  {
    id: "connections/tls",
    name: "responds over TLS with a body both ways",
    tls: true,
    async run(t) {
      const body = pattern(300_000);
      const response = await send(t, { method: "POST", path: "/_/body", body, tls: true });
      assert.equal(JSON.parse(response.body.toString()).length, body.length);
      const big = await send(t, { path: "/_/size?length=1000000&as=stream", tls: true });
      assert.ok(big.body.equals(pattern(1_000_000)));
    },
  },
];
