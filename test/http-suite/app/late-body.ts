import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { pipeline, Writable } from "node:stream";
import type { Behaviour } from "./listener.ts";

/** Ways to read a body, by name. */
export const readers: Record<string, (req: IncomingMessage, sink: Writable) => unknown> = {
  pipe: (req, sink) => req.pipe(sink),
  pipeline: (req, sink) => pipeline(req, sink, () => {}),
  data: (req, sink) => req.on("data", (chunk) => sink.write(chunk)),
  "for await": async (req, sink) => {
    try {
      for await (const chunk of req) sink.write(chunk);
    } catch {
      // The events of the request tell of it.
    }
  },
};

/** Bodies that are read after their responses. */
export const lateBodies: Record<string, Behaviour> = {
  /** Responds, then reads in the way of `?by=`, and notes `cut`, or `end` with the length and checksum. */
  late({ req, res, query, inspection }) {
    const hash = createHash("sha256");
    let length = 0;
    const sink = new Writable({
      write(chunk, _encoding, callback) {
        hash.update(chunk);
        length += chunk.length;
        callback();
      },
    });
    let isCut = false;
    req.on("aborted", () => {
      isCut = true;
    });
    req.on("error", () => {});
    req.on("end", () => {
      // A listener of the pipe's may be to come.
      setImmediate(() => {
        inspection.note(`end ${length} ${hash.digest("hex")}`);
        inspection.note("over");
      });
    });
    req.on("close", () => {
      if (!isCut) return;
      inspection.note("cut");
      inspection.note("over");
    });
    res.end("accepted");
    readers[query.get("by") ?? ""]!(req, sink);
  },
};
