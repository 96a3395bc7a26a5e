/**
 * An application below a path prefix: `req.url` comes without it, as with an Express mount.
 *
 *     PORT=1234 npx tsx examples/mount.ts
 */
import express from "express";
import { serveFastCGI } from "serve-fastcgi";

const app = express();
app.get("/users", (req, res) => {
  res.json({ url: req.url, baseUrl: req.baseUrl, originalUrl: req.originalUrl });
});

serveFastCGI(app, { port: Number(process.env.PORT ?? 1234), mount: "/app" });
