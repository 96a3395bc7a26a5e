import { createHash } from "node:crypto";
import { IncomingMessage, ServerResponse } from "node:http";

/** What the application saw of a request. */
export interface Echo {
  readonly method: string;
  readonly url: string;
  readonly httpVersion: string;
  readonly headers: Record<string, string>;
  readonly rawHeaders: string[];
  readonly headersDistinct: Record<string, string[]>;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  readonly encrypted: boolean;
  /** Whether `req` and `res` are instances of Node's own classes. */
  readonly nodes: boolean;
  /** What Express derives: `req.ip`, `req.protocol`, `req.secure`, `req.hostname`. */
  readonly express?: { ip: string; protocol: string; secure: boolean; hostname: string };
}

/** Responds with what the application saw of the request. */
export function echo(req: IncomingMessage, res: ServerResponse): void {
  const socket = req.socket as typeof req.socket & { encrypted?: boolean };
  const express = req as IncomingMessage & Partial<Echo["express"]>;
  const seen: Partial<Echo> = {
    method: req.method ?? "",
    url: req.url ?? "",
    httpVersion: req.httpVersion,
    headers: req.headers as Record<string, string>,
    rawHeaders: req.rawHeaders,
    headersDistinct: req.headersDistinct as Record<string, string[]>,
    remoteAddress: socket.remoteAddress ?? "",
    remotePort: socket.remotePort ?? 0,
    localPort: socket.localPort ?? 0,
    encrypted: socket.encrypted === true,
    nodes: req instanceof IncomingMessage && res instanceof ServerResponse,
    ...(express.ip === undefined
      ? {}
      : {
          express: {
            ip: express.ip,
            protocol: express.protocol ?? "",
            secure: express.secure ?? false,
            hostname: express.hostname ?? "",
          },
        }),
  };
  res.setHeader("Content-Type", "application/json");
  res.setHeader("X-Seen-Method", req.method ?? "");
  res.end(JSON.stringify(seen));
}

/** What the application saw of a request's body. */
export interface BodyReport {
  readonly length: number;
  readonly sha256: string;
  readonly complete: boolean;
  readonly contentLength: string | null;
  readonly transferEncoding: string | null;
}

/** Reads the body and responds with its length and checksum. */
export async function reportBody(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of req) {
    hash.update(chunk);
    length += chunk.length;
  }
  const report: BodyReport = {
    length,
    sha256: hash.digest("hex"),
    complete: req.complete,
    contentLength: req.headers["content-length"] ?? null,
    transferEncoding: req.headers["transfer-encoding"] ?? null,
  };
  res.setHeader("Content-Type", "application/json");
  res.end(JSON.stringify(report));
}
