import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import {
  createServer as createHTTPServer,
  IncomingMessage,
  request,
  type Server,
  ServerResponse,
} from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { createServer } from "../../src/index.ts";
import { Link } from "../support/link.ts";
import { request as encodeRequest } from "../support/request.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
/** `response.created` came with Node.js 22.12. */
const CHANNELS: readonly string[] = [
  "http.server.request.start",
  ...(major > 22 || (major === 22 && minor >= 12) ? ["http.server.response.created"] : []),
  "http.server.response.finish",
];

/** Sends one POST with a body to a server, over the protocol that it speaks. */
type Ask = (port: number) => Promise<void>;

const askHTTP: Ask = async (port) => {
  const req = request({ port, host: "127.0.0.1", method: "POST", path: "/path", agent: false });
  req.end("body");
  const [res] = await once(req, "response");
  res.resume();
  await once(res, "end");
};

const askFastCGI: Ask = async (port) => {
  const link = await Link.open({ host: "127.0.0.1", port }, 10_000);
  link.send(encodeRequest(1, { method: "POST", url: "/path", body: "body", params: [["HTTP_HOST", "h"]] }));
  await link.response(1);
  link.destroy();
};

/** What is published while one request is served, and what the application does, in order. */
async function observe(make: () => Server, ask: Ask): Promise<string[]> {
  const events: string[] = [];
  const note = (message: unknown, name: string | symbol): void => {
    const { request: req, response: res, socket, server: from, ...rest } = message as Record<string, unknown>;
    events.push(
      [
        String(name),
        req instanceof IncomingMessage && `${req.method} ${req.url}`,
        res instanceof ServerResponse && `headersSent ${res.headersSent}, ended ${res.writableEnded}`,
        socket !== undefined &&
          (socket === (req as IncomingMessage).socket ? "its socket" : "another socket"),
        from === server && "its server",
        ...Object.keys(rest),
      ]
        .filter(Boolean)
        .join("; "),
    );
  };
  const server = make();
  server.on("request", (req, res) => {
    events.push("request");
    req.on("end", () => events.push("req end")).resume();
    res.on("finish", () => events.push("res finish"));
    req.on("end", () => res.end("hello"));
  });
  for (const channel of CHANNELS) subscribe(channel, note);
  try {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await ask((server.address() as AddressInfo).port);
  } finally {
    for (const channel of CHANNELS) unsubscribe(channel, note);
    server.close();
    server.closeAllConnections();
  }
  return events;
}

describe("diagnostics_channel", () => {
  test("has the same messages as under node:http, in the same order", async () => {
    const expected = await observe(() => createHTTPServer(), askHTTP);
    const actual = await observe(() => createServer(), askFastCGI);
    assert.deepEqual(actual, expected);
    assert.ok(actual.some((event) => event.startsWith("http.server.request.start; POST /path")));
    assert.ok(actual.some((event) => event.startsWith("http.server.response.finish; POST /path")));
  });
});

describe("OpenTelemetry", () => {
  test("instrumentation-http shows a server span for a FastCGI request", async (t) => {
    // CommonJS, because the instrumentation hooks require().
    const require = createRequire(import.meta.url);
    const { InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");
    const { NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");
    const { HttpInstrumentation } = require("@opentelemetry/instrumentation-http");
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
    const instrumentation = new HttpInstrumentation();
    instrumentation.setTracerProvider(provider);
    instrumentation.enable();
    require("node:http");
    t.after(() => {
      instrumentation.disable();
      return provider.shutdown();
    });
    const server = createServer((_req, res) => {
      res.statusCode = 201;
      res.end("hello");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await askFastCGI((server.address() as AddressInfo).port);
    server.close();
    server.closeAllConnections();
    const spans: ReadableSpan[] = exporter.getFinishedSpans();
    const [span] = spans;
    assert.equal(spans.length, 1);
    assert.ok(span);
    assert.equal(span.kind, 1, "SERVER");
    assert.equal(span.name, "POST");
    const { attributes } = span;
    assert.equal(attributes["http.request.method"] ?? attributes["http.method"], "POST");
    assert.equal(attributes["http.response.status_code"] ?? attributes["http.status_code"], 201);
    assert.equal(attributes["url.path"] ?? attributes["http.target"], "/path");
  });
});
