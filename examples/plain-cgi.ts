/**
 * An Express application that is a CGI program, too: for hosts that have nothing but CGI. Make a shell script of
 * two lines executable, `#!/bin/sh` and `exec node /path/to/app.js`, and put it where CGI programs go.
 */
import express from "express";
import { serveFastCGI } from "serve-fastcgi";

const app = express();
app.use(express.urlencoded());
app.get("/", (req, res) => {
  // Over plain CGI it goes to stderr: the answer has stdout for itself.
  console.log("a line in the error log");
  res.send(`Hello from ${req.baseUrl || "/"}`);
});
app.post("/echo", (req, res) => {
  res.json({ body: req.body, url: req.originalUrl });
});

// No target: a CGI program answers its one request; a FastCGI process listens on the socket it was given.
if (process.env.PORT) serveFastCGI(app, process.env.PORT);
else serveFastCGI(app);
