import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, type TestContext, test } from "node:test";
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginDrainHttpServer } from "@apollo/server/plugin/drainHttpServer";
import addShutdown from "http-shutdown";
import { createHttpTerminator } from "http-terminator";
import stoppable from "stoppable";
import type { FastCGIServer } from "../../src/index.ts";
import type { Link } from "../support/link.ts";
import { request } from "../support/request.ts";
import { startServer } from "../support/server.ts";

/** What the libraries wait before they cut what runs: a stop that comes to that fails by the test's time limit. */
const GRACE_MS = 60_000;
const LIMIT = { timeout: 20_000 };

type Stop = () => Promise<unknown>;

/** Puts a library in charge of a server, and gives what stops it. */
const libraries: Record<string, (server: FastCGIServer) => Stop | Promise<Stop>> = {
  stoppable(server) {
    const { stop } = stoppable(server, GRACE_MS);
    return () =>
      new Promise((resolve, reject) => {
        stop((error, isGraceful) => (error ? reject(error) : resolve(assert.ok(isGraceful))));
      });
  },
  "http-terminator"(server) {
    const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: GRACE_MS });
    return () => terminator.terminate();
  },
  "http-shutdown"(server) {
    const { shutdown } = addShutdown(server);
    return () =>
      new Promise<void>((resolve, reject) => {
        shutdown((error) => (error ? reject(error) : resolve()));
      });
  },
  async "Apollo Server's ApolloServerPluginDrainHttpServer"(server) {
    const apollo = new ApolloServer({
      typeDefs: "type Query { hello: String }",
      plugins: [ApolloServerPluginDrainHttpServer({ httpServer: server, stopGracePeriodMillis: GRACE_MS })],
      stopOnTerminationSignals: false,
    });
    await apollo.start();
    return () => apollo.stop();
  },
};

/** A server under a library, with an application that responds when it is told to. */
class Stage {
  readonly server: FastCGIServer;
  readonly open: () => Promise<Link>;
  readonly stop: Stop;
  readonly #responses: Map<string, ServerResponse>;

  constructor(
    server: FastCGIServer,
    open: () => Promise<Link>,
    stop: Stop,
    responses: Map<string, ServerResponse>,
  ) {
    this.server = server;
    this.open = open;
    this.stop = stop;
    this.#responses = responses;
  }

  static async start(t: TestContext, library: string): Promise<Stage> {
    const responses = new Map<string, ServerResponse>();
    const { server, open } = await startServer(t, {}, (req, res) => {
      if (req.url === "/") return res.end("hello");
      responses.set(req.url!, res);
      if (req.url!.startsWith("/begun")) res.write("begun, ");
    });
    return new Stage(server, open, await libraries[library]!(server), responses);
  }

  /** Sends requests and waits until the application has all of them. */
  async begin(link: Link, urls: readonly string[], keepConn: boolean): Promise<void> {
    let left = urls.length;
    const begun = new Promise<void>((resolve) => {
      const count = (): void => {
        if (--left > 0) return;
        this.server.off("request", count);
        resolve();
      };
      this.server.on("request", count);
    });
    link.send(...urls.map((url, index) => request(index + 1, { url, keepConn })));
    await begun;
  }

  finish(url: string): void {
    this.#responses.get(url)!.end("finished");
  }
}

for (const library of Object.keys(libraries)) {
  describe(library, () => {
    for (const keepConn of [true, false]) {
      const kind = keepConn ? "a kept connection" : "a connection of its own";
      for (const url of ["/waiting", "/begun"]) {
        test(`lets ${url.slice(1)} response finish on ${kind}, then stops`, LIMIT, async (t) => {
          const stage = await Stage.start(t, library);
          const link = await stage.open();
          await stage.begin(link, [url], keepConn);
          const stopped = stage.stop();
          // Libraries and server have done by then what they do at once.
          await new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));
          assert.equal(link.isClosed, false);
          stage.finish(url);
          const response = await link.response(1);
          assert.match(response.text, /finished$/);
          assert.equal(response.status, 200);
          await Promise.all([stopped, link.closed()]);
        });
      }
    }

    test("closes an idle kept connection and lets another one's request finish", LIMIT, async (t) => {
      const stage = await Stage.start(t, library);
      const [idle, busy] = [await stage.open(), await stage.open()];
      idle.send(request(1));
      assert.equal((await idle.response(1)).text, "hello");
      await stage.begin(busy, ["/begun"], true);
      const stopped = stage.stop();
      // http-terminator closes the server after the last request; the others close idle connections at once.
      if (library !== "http-terminator") await idle.closed();
      assert.equal(busy.isClosed, false);
      stage.finish("/begun");
      assert.equal((await busy.response(1)).text, "begun, finished");
      await Promise.all([stopped, idle.closed(), busy.closed()]);
    });

    test("stops at once when the only connection is idle", LIMIT, async (t) => {
      const stage = await Stage.start(t, library);
      const link = await stage.open();
      for (let count = 0; count < 3; count++) {
        link.send(request(1));
        await link.response(1);
      }
      await Promise.all([stage.stop(), link.closed()]);
    });

    test("lets all requests of one connection finish, in any order", LIMIT, async (t) => {
      const stage = await Stage.start(t, library);
      const link = await stage.open();
      const urls = ["/begun/1", "/waiting/2", "/begun/3"];
      await stage.begin(link, urls, true);
      const stopped = stage.stop();
      for (const [id, text] of [
        [2, "finished"],
        [3, "begun, finished"],
        [1, "begun, finished"],
      ] as const) {
        stage.finish(urls[id - 1]!);
        assert.equal((await link.response(id)).text, text);
      }
      await Promise.all([stopped, link.closed()]);
    });
  });
}
