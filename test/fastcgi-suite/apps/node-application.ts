import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Writable } from "node:stream";

type Route = (req: IncomingMessage, res: ServerResponse, query: URLSearchParams) => void;

/** What FastCGI packages add to `req` and `res`; each has its own place for it. */
interface Extras {
  readonly params?: Record<string, string>;
  readonly cgiParams?: Record<string, string>;
  readonly stderr?: Writable;
}

const routes: Record<string, Route> = {
  "/params": (req, res) => {
    const extras = req as IncomingMessage & Extras;
    const params = (req.socket as unknown as Extras).params ?? extras.cgiParams ?? {};
    const lines = Object.keys(params)
      .filter((name) => name.startsWith("CONF_"))
      .map((name) => `${name}=${Buffer.from(params[name]!).toString("hex")}\n`);
    text(res, lines.join(""));
  },
  "/header": (req, res, query) => {
    const value = req.headers[query.get("name") ?? ""];
    text(res, value === undefined ? "none" : `value=${Buffer.from(String(value), "latin1").toString("hex")}`);
  },
  "/stdin": (req, res) => {
    const hash = createHash("sha256");
    let length = 0;
    req.on("data", (chunk: Buffer) => {
      length += chunk.length;
      hash.update(chunk);
    });
    req.on("end", () => text(res, `${length} ${hash.digest("hex")}`));
  },
  "/status": (_req, res, query) => {
    res.writeHead(Number(query.get("code")), { "Content-Type": "text/plain" });
    res.end("body");
  },
  "/large": (_req, res, query) => {
    const length = Number(query.get("bytes"));
    res.writeHead(200, { "Content-Type": "application/octet-stream" });
    const chunk = Buffer.alloc(65536, "x");
    let left = length;
    const more = () => {
      while (left > 0) {
        const piece = chunk.subarray(0, Math.min(left, chunk.length));
        left -= piece.length;
        if (!res.write(piece)) {
          res.once("drain", more);
          return;
        }
      }
      res.end();
    };
    more();
  },
  "/never": () => {},
  "/stream": (_req, res) => {
    res.writeHead(200, { "Content-Type": "text/plain" });
    res.write("first\n");
  },
  "/ticks": (_req, res, query) => {
    res.writeHead(200, { "Content-Type": "text/plain" });
    let left = 20;
    const timer = setInterval(() => {
      res.write(`tick ${query.get("token")}\n`);
      if (--left > 0) return;
      clearInterval(timer);
      res.end();
    }, 10);
  },
  "/throw": () => {
    throw new Error("secret of the application");
  },
  "/throw-late": (_req, res) => {
    res.writeHead(200, { "Content-Type": "text/plain" });
    res.write("part");
    throw new Error("failure after the head");
  },
  "/stderr": (req, res, query) => {
    const stderr =
      (req.socket as unknown as Extras).stderr ?? (res as ServerResponse & Extras).stderr ?? undefined;
    stderr?.write(`${query.get("text")}\n`);
    text(res, "done");
  },
  "/unread": (_req, res) => text(res, "unread"),
  "/crlf": (_req, res) => {
    try {
      res.setHeader("X-Test", "a\r\nInjected: 1");
      text(res, "accepted");
    } catch {
      text(res, "refused");
    }
  },
  "/cookies": (_req, res) => {
    res.setHeader("Set-Cookie", ["a=1", "b=2"]);
    text(res, "cookies");
  },
  "/hop": (_req, res) => {
    res.setHeader("Connection", "keep-alive");
    res.setHeader("Keep-Alive", "timeout=5");
    res.setHeader("Upgrade", "h2c");
    text(res, "hop");
  },
  "/chunked": (_req, res) => {
    res.setHeader("Content-Type", "text/plain");
    res.setHeader("Transfer-Encoding", "chunked");
    res.write("one");
    res.end("two");
  },
  "/length": (_req, res, query) => {
    res.writeHead(200, { "Content-Type": "text/plain", "Content-Length": query.get("declared") ?? "0" });
    res.end("x".repeat(Number(query.get("sent"))));
  },
  "/empty-writes": (_req, res) => {
    res.setHeader("Content-Type", "text/plain");
    res.flushHeaders();
    res.write("");
    res.write("a");
    res.write("");
    res.write("b");
    res.end("");
  },
  "/informational": (_req, res) => {
    res.writeContinue();
    res.writeProcessing();
    res.writeEarlyHints({ link: "</style.css>; rel=preload" });
    text(res, "informed");
  },
};

function text(res: ServerResponse, body: string): void {
  res.setHeader("Content-Type", "text/plain");
  res.end(body);
}

/** The contract as an application of `node:http`'s kind. */
export function application(req: IncomingMessage, res: ServerResponse): void {
  const url = new URL(req.url ?? "/", "http://localhost");
  const route = routes[url.pathname];
  if (route) {
    route(req, res, url.searchParams);
    return;
  }
  res.statusCode = 404;
  text(res, "unknown path");
}
