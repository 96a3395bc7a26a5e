import type { Behaviour } from "./listener.ts";

const announced = { "Content-Type": "text/plain", "X-Accel-Buffering": "no" };

/** Responses that break off, and handlers that fail. */
export const endings: Record<string, Behaviour> = {
  /** Never responds. */
  silent({ inspection }) {
    inspection.note("started");
  },
  "throw-before"() {
    throw new Error("secret of the handler");
  },
  "throw-after"({ res }) {
    res.writeHead(200, announced);
    res.write("half of the response");
    throw new Error("secret of the handler");
  },
  async "reject-before"() {
    await Promise.resolve();
    throw new Error("secret of the handler");
  },
  async "reject-after"({ res, inspection }) {
    res.writeHead(200, announced);
    res.write("half of the response");
    await inspection.released();
    throw new Error("secret of the handler");
  },
  async "destroy-res"({ res, inspection }) {
    res.writeHead(200, announced);
    res.write("half of the response");
    await inspection.released();
    res.destroy();
  },
  async "destroy-res-error"({ res, inspection }) {
    res.on("error", (error) => inspection.note(`res error ${error.message}`));
    res.writeHead(200, announced);
    res.write("half of the response");
    await inspection.released();
    res.destroy(new Error("broken off"));
  },
  async "destroy-req"({ req, res, inspection }) {
    res.writeHead(200, announced);
    res.write("half of the response");
    await inspection.released();
    req.destroy();
  },
  async "destroy-socket"({ req, res, inspection }) {
    res.writeHead(200, announced);
    res.write("half of the response");
    await inspection.released();
    req.socket.destroy();
  },
  /** Breaks off before the head. */
  "destroy-unsent"({ res }) {
    res.destroy();
  },
  /** Announces more than it sends, and breaks off. */
  async "destroy-short"({ res, inspection }) {
    res.writeHead(200, { ...announced, "Content-Length": 1000 });
    res.write("half of the response");
    await inspection.released();
    res.destroy();
  },
};
