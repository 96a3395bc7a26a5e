/**
 * An Express application over FastCGI, with the gateway of this package in front so that a browser can open it.
 *
 *     npm start                                                              in a clone of the repository
 *     npx tsx node_modules/serve-fastcgi/examples/express/app.ts             with express and tsx installed
 *
 * PORT (8080) and FCGI_PORT (1234) choose other ports. Behind nginx, Caddy or another web server, the call of
 * serveFastCGI() is all that remains of main().
 */
import { createHash } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { isFastCGISocket, serveFastCGI, serveHTTP } from "serve-fastcgi";
import { createGateway } from "serve-fastcgi/client";
import { page, type RequestInfo } from "./page.ts";

const app = express();

app.get("/", (req, res) => {
  const info: RequestInfo = {
    method: req.method,
    url: req.originalUrl,
    address: `${req.ip}, port ${req.socket.remotePort}`,
    https: req.secure,
    // The meta-variables as the web server sent them. Over plain HTTP there are none.
    params: isFastCGISocket(req.socket) ? Object.entries(req.socket.params) : [],
    fastcgiPort: app.locals.fastcgiPort,
  };
  res.send(page(info));
});

app.post("/greeting", express.urlencoded({ extended: false }), (req, res) => {
  res.json({ greeting: `Hello, ${req.body.name || "stranger"}!` });
});

// The upload is hashed while it arrives: a file of any size needs little memory and no temporary file.
app.post("/upload", async (req, res) => {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of req) {
    hash.update(chunk);
    length += chunk.length;
  }
  res.json({ length, sha256: hash.digest("hex") });
});

app.get("/events", (req, res) => {
  res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  const timer = setInterval(() => res.write(`data: ${new Date().toISOString()}\n\n`), 1000);
  res.write(`data: ${new Date().toISOString()}\n\n`);
  req.on("close", () => clearInterval(timer));
});

/** Open requests, such as the page's event stream, have a second to finish after Ctrl-C. */
const OPTIONS = { host: "127.0.0.1", signals: true, shutdownTimeout: 1000 } as const;

async function main(): Promise<void> {
  const { FCGI_PORT = "1234", PORT = "8080" } = process.env;
  const fastcgi = await listen(Number(FCGI_PORT), (port) => serveFastCGI(app, { port, ...OPTIONS }));
  app.locals.fastcgiPort = fastcgi;
  const gateway = createGateway(fastcgi);
  const http = await listen(Number(PORT), (port) => serveHTTP(gateway, { port, ...OPTIONS }));

  console.log(`
Open in a browser:  http://127.0.0.1:${http}
There the gateway of serve-fastcgi is the web server. Ctrl-C stops both.

The application speaks FastCGI on 127.0.0.1:${fastcgi}. To see the same page through your own web server:

nginx, in a server block:
    location / {
        include /etc/nginx/fastcgi_params;
        fastcgi_pass 127.0.0.1:${fastcgi};
    }

Caddy, in a Caddyfile:
    :8081
    reverse_proxy 127.0.0.1:${fastcgi} {
        transport fastcgi
    }
`);
}

/** Starts a server on a port, or on a free one if that is taken; resolves with the port. */
function listen(wanted: number, start: (port: number) => Server): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = start(wanted);
    server.once("listening", () => resolve((server.address() as AddressInfo).port));
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE" || wanted === 0) return reject(error);
      listen(0, start).then((port) => {
        console.log(`Port ${wanted} is taken by another program: using ${port} instead.`);
        resolve(port);
      }, reject);
    });
  });
}

await main();
