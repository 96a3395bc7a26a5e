/**
 * An Express application that is also a CGI program, for hosts that have nothing but CGI. Make a shell script of two
 * lines executable, `#!/bin/sh` and `exec node /path/to/app.js`, and put it where the host expects CGI programs.
 *
 *     PORT=1234 npx tsx examples/plain-cgi.ts    over FastCGI
 */
import express from "express";
import { serveFastCGI } from "serve-fastcgi";

const app = express();
app.use(express.urlencoded());
app.get("/", (req, res) => {
  // Over plain CGI this goes to stderr, because stdout holds the response.
  console.log("a line in the error log");
  res.send(`Hello from ${req.baseUrl || "/"}`);
});
app.post("/echo", (req, res) => {
  res.json({ body: req.body, url: req.originalUrl });
});

// Without a target, a CGI program responds to its one request; a FastCGI process listens on the socket it was given.
if (process.env.PORT) serveFastCGI(app, process.env.PORT);
else serveFastCGI(app);
