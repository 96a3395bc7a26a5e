import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Behaviour } from "./listener.ts";

const MEGABYTE = 1024 * 1024;

/** Returns `length` bytes that tell displaced ones apart: no period divides a record or a chunk size. */
export function pattern(length: number): Buffer {
  const block = Buffer.from(Array.from({ length: 251 }, (_, index) => 32 + (index % 90)));
  return Buffer.alloc(length, block);
}

function* slices(bytes: Buffer, length: number): Generator<Buffer> {
  for (let offset = 0; offset < bytes.length; offset += length) yield bytes.subarray(offset, offset + length);
}

/** Slow and large bodies. */
export const streams: Record<string, Behaviour> = {
  async size({ res, query }) {
    const body = pattern(Number(query.get("length")));
    res.setHeader("Content-Type", "text/plain");
    switch (query.get("as")) {
      case "string":
        return void res.end(body.toString("latin1"));
      case "stream":
        return await pipeline(Readable.from(slices(body, 40_000)), res);
      default:
        return void res.end(body);
    }
  },

  /** A head first, the body when released. */
  async flushed({ res, inspection }) {
    res.setHeader("Content-Type", "text/event-stream");
    res.setHeader("X-Accel-Buffering", "no");
    res.flushHeaders();
    inspection.note(`sent ${res.headersSent}`);
    await inspection.released();
    res.end("late body");
  },

  /** Server-sent events, one per release. */
  async events({ res, inspection }) {
    res.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-cache",
      "X-Accel-Buffering": "no",
    });
    for (let event = 1; event <= 5; event++) {
      res.write(`data: ${event}\n\n`);
      await inspection.released(event);
    }
    res.end("data: end\n\n");
  },

  /** Responds when released. */
  async held({ res, inspection }) {
    await inspection.released();
    res.end("released");
  },

  /** Writes until the client's side is full, tells it, and goes on at `drain`. */
  async drain({ res, inspection }) {
    const chunk = pattern(64 * 1024);
    let chunks = 0;
    do chunks++;
    while (res.write(chunk));
    inspection.figures.chunks = chunks;
    inspection.note("full");
    await once(res, "drain");
    inspection.note("drained");
    res.end(`chunks ${chunks}`);
  },

  /** Sends `?length=` bytes, as fast as the client takes them. */
  async download({ res, query, inspection }) {
    const total = Number(query.get("length"));
    const chunk = pattern(MEGABYTE / 4);
    const figures = inspection.figures;
    figures.written = 0;
    const closed = new AbortController();
    res.on("close", () => closed.abort());
    res.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": total });
    for (let written = 0; written < total && !res.destroyed; written += chunk.length) {
      const goOn = res.write(chunk.subarray(0, total - written));
      figures.written = Math.min(total, written + chunk.length);
      figures.buffered = Math.max(Number(figures.buffered ?? 0), res.writableLength);
      if (goOn) continue;
      inspection.note("full");
      await once(res, "drain", { signal: closed.signal }).catch(() => undefined);
    }
    if (!res.destroyed) res.end();
  },

  /** Reads nothing of the body until released, then all of it. */
  async "unread-upload"({ req, res, inspection }) {
    inspection.note("started");
    await inspection.released();
    let length = 0;
    for await (const chunk of req) length += chunk.length;
    res.end(String(length));
  },

  /** Responds without reading the body. */
  "ignored-upload"({ res }) {
    res.end("not read");
  },

  /** Responds with 413 before the body is complete. */
  refused({ res }) {
    res.writeHead(413, { "Content-Type": "text/plain" });
    res.end("too large");
  },

  /** Notes the arrival of a body, without a response. */
  received({ req, inspection }) {
    req.on("data", (chunk: Buffer) => {
      inspection.figures.length = Number(inspection.figures.length ?? 0) + chunk.length;
      inspection.note("data");
    });
  },
};
