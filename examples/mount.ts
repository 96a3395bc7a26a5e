/** An application below a prefix: it need not know of it, as of an Express mount. */
import express from "express";
import { serveFastCGI } from "serve-fastcgi";

const app = express();
app.get("/users", (req, res) => {
  res.json({ url: req.url, baseUrl: req.baseUrl, originalUrl: req.originalUrl });
});

serveFastCGI(app, { port: Number(process.env.PORT ?? 1234), mount: "/app" });
