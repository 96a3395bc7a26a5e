/**
 * An Express application over FastCGI, with the embedded gateway in front so that a browser can open it:
 *
 *     npm start
 *
 * Behind nginx, Caddy or another web server, `serveFastCGI(app, 1234)` is all that remains of `main()`.
 */
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { serveFastCGI } from "serve-fastcgi";
import { createGateway } from "serve-fastcgi/client";
import { page, type RequestFacts } from "./page.ts";

const app = express();

app.get("/", (req, res) => {
  const facts: RequestFacts = {
    method: req.method,
    url: req.originalUrl,
    address: `${req.ip}, port ${req.socket.remotePort}`,
    https: req.secure,
    // The meta-variables, as the web server sent them. Over plain HTTP there are none.
    params: "params" in req.socket ? Object.entries(Object(req.socket.params)) : [],
  };
  res.send(page(facts));
});

app.post("/greeting", express.urlencoded({ extended: false }), (req, res) => {
  res.json({ greeting: `Hello, ${req.body.name || "stranger"}!` });
});

// Streamed: a file of any size needs no memory, and no temporary file.
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

async function main(): Promise<void> {
  const fastcgi = await listening((port) => serveFastCGI(app, port), Number(process.env.FCGI_PORT ?? 1234));
  const gateway = createGateway(fastcgi);
  const http = await listening(
    (port) => createServer(gateway).listen(port, "127.0.0.1"),
    Number(process.env.PORT ?? 8080),
  );
  console.log(
    `FastCGI:  127.0.0.1:${fastcgi}  for a web server, e.g. nginx: fastcgi_pass 127.0.0.1:${fastcgi};`,
  );
  console.log(`Browser:  http://127.0.0.1:${http}`);
}

/** Starts a server on a port, or on any free one if that is taken; returns the port. */
function listening(start: (port: number) => Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = start(port);
    server.once("listening", () => resolve((server.address() as AddressInfo).port));
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE" || port === 0) reject(error);
      else resolve(listening(start, 0));
    });
  });
}

main();
