/** An application below a prefix: it need not know of it, as of an Express mount. */
import express from "express";
// In your own project: from "serve-fastcgi".
import { serveFastCGI } from "../src/index.ts";

const app = express();
app.get("/users", (req, res) => {
  res.json({ url: req.url, baseUrl: req.baseUrl, originalUrl: req.originalUrl });
});

serveFastCGI(app, { port: Number(process.env.PORT ?? 1234), mount: "/app" });
