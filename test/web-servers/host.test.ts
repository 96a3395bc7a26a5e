import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import { cgiRequest, createServer, type FastCGIIncomingMessage } from "../../src/index.ts";
import { startConfigured } from "./configured.ts";
import { skipReason } from "./target.ts";

/** What each place says of the host where an application could look. */
function hosts(req: FastCGIIncomingMessage): Record<string, unknown> {
  const pairs = req.rawHeaders.flatMap((name, index): [string, string][] =>
    index % 2 === 0 ? [[name, req.rawHeaders[index + 1]!]] : [],
  );
  return {
    headers: req.headers.host,
    rawHeaders: pairs.filter(([name]) => name === "Host").map(([, value]) => value),
    headersDistinct: req.headersDistinct.host,
    // As frameworks on the fetch standard make them.
    fetch: new Headers(pairs).get("host"),
    params: req.socket.params.HTTP_HOST,
    env: cgiRequest(req)?.params.HTTP_HOST,
  };
}

const everywhere = (host: string): Record<string, unknown> => ({
  headers: host,
  rawHeaders: [host],
  headersDistinct: [host],
  fetch: host,
  params: host,
  env: host,
});

/** An application behind nginx; `lines` stand in its location. Returns what it sees of a request with `head`. */
async function startNginx(t: TestContext, lines: string): Promise<(head: string) => Promise<unknown>> {
  const server = createServer((req, res) => res.end(JSON.stringify(hosts(req)))).listen(0);
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const app = (server.address() as AddressInfo).port;
  const { port } = await startConfigured(
    t,
    "nginx",
    (place) => `server {
      listen 127.0.0.1:${place.port};
      server_name configured.test;
      location / {
        ${lines}
        fastcgi_pass 127.0.0.1:${app};
      }
    }`,
  );
  return async (head) => {
    const socket = connect(port, "127.0.0.1");
    socket.write(`${head.replaceAll("PORT", String(port))}\r\nConnection: close\r\n\r\n`);
    const response = await text(socket);
    return JSON.parse(response.slice(response.indexOf("\r\n\r\n") + 4).replaceAll(String(port), "PORT"));
  };
}

const DEBIAN = "include /etc/nginx/fastcgi_params;";
/** nginx's own file has no line for the Host. */
const OWN =
  "fastcgi_param REQUEST_METHOD $request_method; fastcgi_param REQUEST_URI $request_uri;" +
  "fastcgi_param SERVER_PROTOCOL $server_protocol;";

const USUAL = "GET / HTTP/1.1\r\nHost: a.test:99";
const ABSOLUTE = "GET http://line.test:98/ HTTP/1.1\r\nHost: field.test:99";

const skip = skipReason("nginx");

for (const [name, lines, first] of [
  ["$http_host before Debian's own line", `fastcgi_param HTTP_HOST $http_host; ${DEBIAN}`, "a.test:99"],
  ["$http_host behind it", `${DEBIAN} fastcgi_param HTTP_HOST $http_host;`, "a.test"],
  ["an empty one before it", `fastcgi_param HTTP_HOST ""; ${DEBIAN}`, "a.test"],
] as const) {
  test(`the host is one everywhere where nginx sends HTTP_HOST twice: ${name}`, { skip }, async (t) => {
    const ask = await startNginx(t, lines);
    assert.deepEqual(await ask(USUAL), everywhere(first));
  });
}

// The table in examples/nginx/README.md.
for (const [name, lines, usual, absolute, without] of [
  ["no HTTP_HOST", OWN, "a.test:99", "field.test:99", undefined],
  ["$host", DEBIAN, "a.test", "line.test", "configured.test"],
  [
    "$host:$server_port",
    `${OWN} fastcgi_param HTTP_HOST $host:$server_port;`,
    "a.test:PORT",
    "line.test:PORT",
    "configured.test:PORT",
  ],
  ["$http_host", `${OWN} fastcgi_param HTTP_HOST $http_host;`, "a.test:99", "field.test:99", undefined],
] as const) {
  test(`the host is that of nginx's fastcgi_params: ${name}`, { skip }, async (t) => {
    const ask = await startNginx(t, lines);
    assert.deepEqual(await ask(USUAL), everywhere(usual));
    assert.deepEqual(await ask(ABSOLUTE), everywhere(absolute));
    const { headers } = (await ask("GET / HTTP/1.0")) as { headers?: string };
    assert.equal(headers, without);
  });
}
