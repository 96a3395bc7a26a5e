import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { createServer } from "../../src/index.ts";
import type { ExampleName } from "./examples.ts";
import { startWebServer, type WebServer } from "./harness.ts";
import { listen, skipReason } from "./target.ts";

type Listener = (error: Error, socket: Socket) => void;

/** An example of each web server; whether it writes FCGI_STDERR into its error log. */
const servers: readonly [command: string, example: ExampleName, logs: boolean][] = [
  ["nginx", "nginx/app.conf", true],
  ["caddy", "caddy/Caddyfile", false],
  ["apache2", "apache/app.conf", true],
  ["lighttpd", "lighttpd/app.conf", true],
  ["haproxy", "haproxy/app.cfg", false],
  ["haproxy", "haproxy/multiplexed.cfg", false],
  ["h2o", "h2o/app.conf", true],
];

const listeners: readonly [name: string, listener: Listener | undefined, status: number, body: string][] = [
  ["nobody", undefined, 431, ""],
  [
    "Node's documented listener",
    (_error, socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    400,
    "",
  ],
  [
    "a listener such as Fastify's",
    (error, socket) => {
      socket.write(
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}",
      );
      socket.destroy(error);
    },
    400,
    "{}",
  ],
  ["a listener that destroys the socket", (_error, socket) => void socket.destroy(), 431, ""],
];

const tooMany = Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`X-${index}`, "1"]));

for (const [command, example, logs] of servers) {
  describe(`behind ${example}`, { skip: skipReason(command) }, () => {
    async function start(listener: Listener | undefined, run: (web: WebServer) => Promise<void>) {
      const server = createServer({ maxParams: 80 }, (req, res) => {
        if (req.url === "/throw") throw new Error("broken");
        setTimeout(() => res.end("hello"), 20);
      });
      if (listener !== undefined) server.on("clientError", listener);
      const app = await listen(server, 0);
      const web = await startWebServer(example, { app });
      try {
        await run(web);
      } finally {
        await web.stop();
        server.close();
        server.closeAllConnections();
      }
    }

    for (const [name, listener, status, body] of listeners) {
      test(`a request over a limit gets the response of ${name}, and its neighbours theirs`, async () => {
        await start(listener, async (web) => {
          const ask = async (headers: Record<string, string>) => {
            const response = await fetch(`http://${web.host}:${web.port}/`, { headers });
            return [response.status, await response.text()];
          };
          for (let round = 0; round < 3; round++) {
            const responses = await Promise.all([{}, tooMany, {}, tooMany, {}].map(ask));
            for (const [index, response] of responses.entries()) {
              assert.deepEqual(response, index % 2 === 0 ? [200, "hello"] : [status, body], web.log());
            }
          }
        });
      });
    }

    test("an error that nobody hears gets 500 and is in the error log of the web server", async () => {
      await start(undefined, async (web) => {
        for (let round = 0; round < 5; round++) {
          const response = await fetch(`http://${web.host}:${web.port}/throw`);
          assert.deepEqual([response.status, await response.text()], [500, "Internal Server Error\n"]);
        }
        const hello = await fetch(`http://${web.host}:${web.port}/`);
        assert.equal(await hello.text(), "hello");
        if (logs) assert.match(web.log(), /GET \/throw: Error: broken/);
      });
    });
  });
}
