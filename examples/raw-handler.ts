/**
 * CGI functions within an Express application: `send()`, returned bodies, a class, and the CGI request behind `req`.
 *
 *     PORT=1234 npx tsx examples/raw-handler.ts
 */
import express from "express";
import { type CGIContext, cgiListener, cgiRequest, FastCGIHandler, serveFastCGI } from "serve-fastcgi";

class Hello extends FastCGIHandler {
  handle() {
    this.stdout.write(`Content-Type: text/plain\r\n\r\nHello, ${this.environ.REMOTE_ADDR}\n`);
  }
}

async function* countdown() {
  for (const number of [3, 2, 1]) yield `${number}\n`;
}

const app = express();
app.use("/class", cgiListener(Hello));
app.use(
  "/send",
  cgiListener(({ send }: CGIContext) => send({ made: true }, { status: 201, headers: { "X-From": "send" } })),
);
app.use(
  "/countdown",
  cgiListener(() => countdown()),
);
app.use(
  "/response",
  cgiListener(() => new Response("a web Response", { status: 202 })),
);
app.get("/params", (req, res) => {
  // cgiRequest() is undefined over plain HTTP.
  res.json(cgiRequest(req)?.params ?? null);
});

serveFastCGI(app, process.env.PORT ?? 1234);
