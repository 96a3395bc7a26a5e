import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import express from "express";
import { createServer, type FastCGIServerOptions } from "../../src/index.ts";
import { startConfigured } from "./configured.ts";
import { skipReason } from "./target.ts";

async function startApp(t: TestContext, options: FastCGIServerOptions): Promise<number> {
  const app = express();
  app.use((req, res) => {
    res.send(`${req.baseUrl} ${req.url} ${req.originalUrl}`);
  });
  const server = createServer(options, app).listen(0);
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

const configs = {
  nginx: (port: number, app: number) => `server {
    listen 127.0.0.1:${port};
    location /app {
      include /etc/nginx/fastcgi_params;
      fastcgi_pass 127.0.0.1:${app};
    }
  }`,
  // A key is a plain prefix: /apple comes, too.
  lighttpd: (_port: number, app: number) => `
    server.modules = ( "mod_fastcgi" )
    fastcgi.server = ( "/app" => (( "host" => "127.0.0.1", "port" => ${app}, "check-local" => "disable" )) )
  `,
};

for (const name of ["nginx", "lighttpd"] as const) {
  test(`an application is mounted below /app of ${name}`, { skip: skipReason(name) }, async (t) => {
    for (const mount of ["/app", "script-name"]) {
      const app = await startApp(t, { mount });
      const { port } = await startConfigured(t, name, (place) => configs[name](place.port, app));
      const get = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
      if (mount === "/app") {
        assert.equal(await get("/app/a%2Fb?x=1"), "/app /a%2Fb?x=1 /app/a%2Fb?x=1");
        assert.equal(await get("/app"), "/app / /app");
        assert.equal(await get("/apple/x"), "Not Found: the application is at /app/\n");
      } else if (name === "lighttpd") {
        assert.equal(await get("/app/x?y"), "/app /x?y /app/x?y");
        assert.equal(await get("/apple/x"), "/apple /x /apple/x");
      } else {
        // SCRIPT_NAME is the whole path there.
        assert.equal(await get("/app/x?y"), " /app/x?y /app/x?y");
      }
    }
  });
}
