import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import compression from "compression";
import type connect from "connect";
import express5 from "express";
import multer from "multer";
import type { AppName } from "../target.ts";
import { contractListener } from "./listener.ts";
import { pattern } from "./streams.ts";

const require = createRequire(import.meta.url);

// Connect then does not log the errors that cases cause; it looks only while it is loaded.
process.env.NODE_ENV ??= "test";
const createConnect: typeof connect = require("connect");

// An npm alias has no type declarations of its own; Express 4 has what the suite uses of Express 5.
const express4: typeof express5 = require("express4");
const cookieParser: (secret: string) => connect.NextHandleFunction = require("cookie-parser");

/** The file that sendFile, download and the static middleware serve: 26 letters, ten times. */
const file: string = fileURLToPath(new URL("./letters.txt", import.meta.url));
const folder: string = fileURLToPath(new URL(".", import.meta.url));

type Next = (error?: unknown) => void;

const json = (res: ServerResponse, value: unknown) => {
  res.setHeader("Content-Type", "application/json");
  res.end(JSON.stringify(value));
};

/** What a body parser left on `req`. */
const parsed = (req: IncomingMessage) => (req as IncomingMessage & { body?: unknown }).body ?? null;

/** Middleware that all three frameworks take: mounted by path, called with `(req, res, next)`. */
function middleware(express: typeof express5): [string, (req: never, res: never, next: Next) => unknown][] {
  const respondParsed = (req: IncomingMessage, res: ServerResponse) => json(res, { body: parsed(req) });
  return [
    ["/fw/json", express.json({ limit: "1mb" })],
    ["/fw/json", respondParsed],
    ["/fw/urlencoded", express.urlencoded({ extended: false })],
    ["/fw/urlencoded", respondParsed],
    ["/fw/text", express.text()],
    ["/fw/text", respondParsed],
    ["/fw/multipart", multer({ storage: multer.memoryStorage() }).single("file")],
    [
      "/fw/multipart",
      (req: IncomingMessage & { file?: { size: number; originalname: string } }, res: ServerResponse) =>
        json(res, { size: req.file?.size, name: req.file?.originalname, body: parsed(req) }),
    ],
    ["/fw/cookies", cookieParser("a secret")],
    [
      "/fw/cookies",
      (req: IncomingMessage & { cookies?: unknown }, res: ServerResponse) => json(res, req.cookies),
    ],
    ["/fw/compressed", compression({ threshold: 0 })],
    [
      "/fw/compressed",
      (_req: IncomingMessage, res: ServerResponse) => {
        res.setHeader("Content-Type", "text/plain");
        res.end(pattern(100_000));
      },
    ],
    ["/fw/static", express.static(folder, { maxAge: 60_000 })],
    [
      "/fw/mounted",
      (req: IncomingMessage & { originalUrl?: string }, res: ServerResponse) =>
        json(res, { url: req.url, originalUrl: req.originalUrl }),
    ],
    [
      "/fw/error",
      (_req: IncomingMessage, _res: ServerResponse, next: Next) =>
        next(Object.assign(new Error("secret of the handler"), { status: 403 })),
    ],
  ];
}

function expressApp(express: typeof express5): RequestListener {
  const app = express();
  // Express then does not log the errors that cases cause.
  app.set("env", "test");
  app.use((_req, res, next) => {
    res.setHeader("X-Framework", "express");
    next();
  });
  for (const [path, handler] of middleware(express)) app.use(path, handler as express5.RequestHandler);
  app.get("/fw/send-file", (_req, res) => res.sendFile(file));
  app.get("/fw/download", (_req, res) => res.download(file, "the letters.txt"));
  app.get("/fw/redirect", (_req, res) => res.redirect("/elsewhere?a=1"));
  app.get("/fw/redirect-permanent", (_req, res) => res.redirect(301, "http://other.example/"));
  app.get("/fw/cookie", (_req, res) => {
    res.cookie("plain", "a b");
    res.cookie("strict", "1", { httpOnly: true, sameSite: "strict" });
    res.clearCookie("old");
    res.json({ set: 3 });
  });
  app.get("/fw/etag", (_req, res) => res.send("a response with an entity tag"));
  app.get("/fw/status", (_req, res) => res.sendStatus(204));
  app.get("/fw/format", (_req, res) =>
    res.format({ text: () => res.send("text"), json: () => res.send({ format: "json" }) }),
  );
  app.all("/fw/params/:name", (req, res) => res.json({ name: req.params.name, query: req.query }));
  app.get("/fw/rejected", async () => {
    await Promise.resolve();
    throw new Error("secret of the handler");
  });
  app.use("/fw/trusting", trustingApp(express));
  app.use("/fw", (_req, _res, next) => next());
  app.use((req, res, next) => {
    if (req.url.startsWith("/fw/")) return next();
    return contractListener(req, res);
  });
  return app;
}

/** What an application sees that believes X-Forwarded-*. */
export interface TrustingReport {
  readonly ip: string;
  readonly ips: readonly string[];
  readonly protocol: string;
  readonly secure: boolean;
  readonly hostname: string;
  readonly fields: readonly string[];
}

/** `trust proxy` as it is left on from the time behind an HTTP proxy. */
function trustingApp(express: typeof express5): express5.Express {
  const app = express();
  app.set("trust proxy", true);
  app.use(({ ip = "", ips, protocol, secure, hostname, headers, rawHeaders }, res) => {
    const names = [...Object.keys(headers), ...rawHeaders.filter((_, index) => index % 2 === 0)];
    const fields = names.filter((name) => /forwarded|real-ip|client-ip/i.test(name));
    res.json({ ip, ips, protocol, secure, hostname, fields } satisfies TrustingReport);
  });
  return app;
}

function connectApp(): RequestListener {
  const app = createConnect();
  for (const [path, handler] of middleware(express5)) app.use(path, handler as connect.NextHandleFunction);
  app.use((req: IncomingMessage, res: ServerResponse, next: Next) => {
    if (req.url?.startsWith("/fw/")) return next();
    contractListener(req, res);
  });
  return app;
}

/** Creates the contract application, mounted in the framework. */
export function createContractApp(name: AppName): RequestListener {
  switch (name) {
    case "plain":
      return contractListener;
    case "express5":
      return expressApp(express5);
    case "express4":
      return expressApp(express4);
    case "connect":
      return connectApp();
  }
}
