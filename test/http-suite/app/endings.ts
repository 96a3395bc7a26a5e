import type { Behaviour } from "./listener.ts";

const announced = { "Content-Type": "text/plain", "X-Accel-Buffering": "no" };

/** Responses that break off, and handlers that fail. */
export const endings: Record<string, Behaviour> = {
  /** Never responds. */
  silent({ exchange }) {
    exchange.note("started");
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
  async "reject-after"({ res, exchange }) {
    res.writeHead(200, announced);
    res.write("half of the response");
    await exchange.released();
    throw new Error("secret of the handler");
  },
  async "destroy-res"({ res, exchange }) {
    res.writeHead(200, announced);
    res.write("half of the response");
    await exchange.released();
    res.destroy();
  },
  async "destroy-res-error"({ res, exchange }) {
    res.on("error", (error) => exchange.note(`res error ${error.message}`));
    res.writeHead(200, announced);
    res.write("half of the response");
    await exchange.released();
    res.destroy(new Error("broken off"));
  },
  async "destroy-req"({ req, res, exchange }) {
    res.writeHead(200, announced);
    res.write("half of the response");
    await exchange.released();
    req.destroy();
  },
  async "destroy-socket"({ req, res, exchange }) {
    res.writeHead(200, announced);
    res.write("half of the response");
    await exchange.released();
    req.socket.destroy();
  },
  /** Breaks off before the head. */
  "destroy-unsent"({ res }) {
    res.destroy();
  },
  /** Announces more than it sends, and breaks off. */
  async "destroy-short"({ res, exchange }) {
    res.writeHead(200, { ...announced, "Content-Length": 1000 });
    res.write("half of the response");
    await exchange.released();
    res.destroy();
  },
};
