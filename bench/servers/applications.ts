import { createReadStream } from "node:fs";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";

/** Responses that a handler keeps open until the runner asks for their end. */
export const held: Set<ServerResponse> = new Set();

const KB64 = Buffer.alloc(64 * 1024, "x");
const MB1 = Buffer.alloc(1024 * 1024, "x");
const TEXTS: Record<string, string> = { "64k": KB64.toString(), "1m": MB1.toString() };
const BUFFERS: Record<string, Buffer> = { "64k": KB64, "1m": MB1 };
const FILE_LENGTH = Number(process.env.BENCH_FILE_LENGTH ?? 0);
const EVENT = `data: ${"x".repeat(92)}\n\n`;

/** The applications of the benchmark: each the same code for every server. */
export const applications: Record<string, () => RequestListener | Promise<RequestListener>> = {
  hello: () => (_req, res) => {
    res.setHeader("Content-Type", "text/plain");
    res.end("Hello, world!\n");
  },
  express: async () => {
    const { default: express } = await import("express");
    const app = express();
    app.get("/books/:id", (req, res) => {
      res.json({ id: req.params.id, title: "The Go-Between", author: "L. P. Hartley", year: 1953 });
    });
    return app;
  },
  post: () => (req, res) => {
    let text = "";
    req.setEncoding("utf8");
    req.on("data", (piece: string) => {
      text += piece;
    });
    req.on("end", () => {
      const items = (JSON.parse(text) as { items: unknown[] }).items.length;
      const body = JSON.stringify({ items });
      res.writeHead(200, { "Content-Type": "application/json", "Content-Length": body.length });
      res.end(body);
    });
  },
  bytes: () => respondBytes,
  upload: () => (req, res) => {
    let length = 0;
    req.on("data", (chunk: Buffer) => {
      length += chunk.length;
    });
    req.on("end", () => res.end(String(length)));
  },
  hold: () => (_req, res) => {
    held.add(res);
    res.on("close", () => held.delete(res));
  },
  events: () => {
    setInterval(() => {
      for (const res of held) res.write(EVENT);
    }, 20).unref();
    return (_req, res) => {
      held.add(res);
      res.on("close", () => held.delete(res));
      res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
      res.write(EVENT);
    };
  },
};

/** Responds to `/64k/buffer`, `/1m/string`, `/64k/stream`; `/file/length`, `/file/chunked`, `/written/length`. */
function respondBytes(req: IncomingMessage, res: ServerResponse): void {
  const [, size = "", how = ""] = (req.url ?? "").split("/");
  res.setHeader("Content-Type", "application/octet-stream");
  if (how === "length") res.setHeader("Content-Length", FILE_LENGTH);
  if (size === "file") createReadStream(process.env.BENCH_FILE ?? "").pipe(res);
  else if (size === "written") writePieces(res);
  else if (how === "stream") streamOf(BUFFERS[size]!).pipe(res);
  else if (how === "string") res.end(TEXTS[size]);
  else res.end(BUFFERS[size]);
}

function streamOf(buffer: Buffer): Readable {
  let position = 0;
  return new Readable({
    read() {
      const piece = buffer.subarray(position, position + 16_384);
      position += piece.length;
      this.push(piece.length > 0 ? piece : null);
    },
  });
}

function writePieces(res: ServerResponse): void {
  let rest = FILE_LENGTH;
  const more = (): void => {
    while (rest > 0) {
      const piece = rest < KB64.length ? KB64.subarray(0, rest) : KB64;
      rest -= piece.length;
      if (!res.write(piece)) {
        res.once("drain", more);
        return;
      }
    }
    res.end();
  };
  more();
}
