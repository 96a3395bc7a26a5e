import { type Duplex, finished, pipeline, Readable } from "node:stream";
import { errorCode, type Scenario, type Stage } from "./events.ts";

const BODY = Buffer.alloc(1000, "b");
const readAll = ({ req }: Stage) => req.resume();
const silent = () => {};

function respond({ res }: Stage): void {
  res.writeHead(200, { "Content-Type": "text/plain" });
  res.end("response");
}

/** Writes until the peer's side is full. */
function fill({ res, note }: Stage): void {
  const chunk = Buffer.alloc(256 * 1024);
  let full = 0;
  const write = () => {
    while (full < 3 && res.write(chunk));
    full++;
  };
  write();
  note(`needs drain ${res.writableNeedDrain}`);
}

/** Courses that a request can take. */
export const scenarios: readonly Scenario[] = [
  { name: "a GET gets a response at once", app: respond },
  {
    name: "a GET gets a response after its end",
    app: (stage) => stage.req.resume().on("end", () => respond(stage)),
  },
  { name: "a GET gets a response in a later turn", app: (stage) => void setImmediate(respond, stage) },
  {
    name: "a GET gets a response in pieces",
    app({ res }) {
      res.write("one");
      setImmediate(() => {
        res.write("two");
        setImmediate(() => res.end("three"));
      });
    },
  },
  {
    name: "a response that the application has framed as chunks is sent in pieces",
    app({ res, note }) {
      res.setHeader("Transfer-Encoding", "chunked");
      res.write("one", () => note("written"));
      res.write("two");
      setImmediate(() => {
        res.write("three");
        setImmediate(() => res.end("four", () => note("ended")));
      });
    },
  },
  {
    name: "a response framed as chunks has trailers",
    app({ res }) {
      res.writeHead(200, { "Transfer-Encoding": "chunked", Trailer: "X-Sum" });
      res.write("body");
      res.addTrailers({ "X-Sum": "1" });
      res.end();
    },
  },
  {
    name: "a HEAD gets a response from an application that asks for chunks",
    method: "HEAD",
    app: ({ res }) => res.writeHead(200, { "Transfer-Encoding": "chunked" }).end("response"),
  },
  {
    name: "the application destroys a response of which chunks are gathered",
    app({ res, note }) {
      res.setHeader("Transfer-Encoding", "chunked");
      res.write("one", (error) => note(`write callback ${errorCode(error)}`));
      res.write("two");
      res.destroy();
    },
  },
  {
    name: "the application destroys a response in the tick of a write",
    app({ res, note }) {
      res.write("one", (error) => note(`write callback ${errorCode(error)}`));
      res.destroy();
    },
  },
  {
    name: "the application destroys a response with an error in the tick of a write",
    app({ res, note }) {
      res.write("one", (error) => note(`write callback ${errorCode(error)}`));
      res.destroy(new Error("broken off"));
    },
  },
  {
    name: "the peer leaves between two chunks",
    app({ res, peer }) {
      res.setHeader("Transfer-Encoding", "chunked");
      res.write("one", () => peer.leave());
    },
  },
  {
    name: "the application waits for drain between chunks",
    app({ res, note }) {
      res.setHeader("Transfer-Encoding", "chunked");
      const chunk = Buffer.alloc(1024 * 1024);
      res.write(chunk);
      res.once("drain", () => {
        note("drain");
        res.end(chunk);
      });
    },
  },
  { name: "a HEAD gets a response", method: "HEAD", app: respond },
  { name: "a request gets 204", app: ({ res }) => res.writeHead(204).end() },
  {
    name: "a POST gets a response after its body",
    method: "POST",
    length: 1000,
    app: (stage) => stage.req.resume().on("end", () => respond(stage)),
  },
  {
    name: "a POST gets a response and its body is not read",
    method: "POST",
    length: 1000,
    // Whether the body was parsed at `finish` hangs on how its bytes came.
    ignoreState: true,
    app: respond,
  },
  {
    name: "a POST gets a response before its body is there, which comes then",
    // node:http closes a connection for one request after the response: the body never comes.
    only: "kept",
    method: "POST",
    length: 1000,
    sent: 0,
    app(stage) {
      stage.res.on("finish", () => {
        stage.peer.body(BODY);
        stage.peer.endBody();
      });
      respond(stage);
    },
  },
  {
    name: "a POST gets a response in the middle of its body, which is being read",
    // node:http closes a connection for one request after the response: the body never comes.
    only: "kept",
    method: "POST",
    length: 2000,
    sent: 1000,
    app(stage) {
      stage.req.once("data", () => respond(stage));
      stage.res.on("finish", () => {
        stage.peer.body(BODY);
        stage.peer.endBody();
      });
    },
  },
  {
    name: "the peer leaves before the response to a GET",
    app: ({ peer }) => peer.leave(),
  },
  {
    name: "the peer leaves before the response to a GET that was read",
    app: ({ req, peer }) => req.resume().on("end", () => peer.leave()),
  },
  {
    name: "the peer resets before the response to a GET",
    app: ({ peer }) => peer.reset(),
  },
  {
    name: "the peer leaves before the response to a POST that was read",
    method: "POST",
    length: 1000,
    app: ({ req, peer }) => req.resume().on("end", () => peer.leave()),
  },
  {
    name: "the peer leaves before the response to a POST that is not read",
    method: "POST",
    length: 1000,
    app: ({ peer }) => peer.leave(),
  },
  {
    name: "the peer leaves in the middle of an upload that is read",
    method: "POST",
    length: 2000,
    sent: 1000,
    app: ({ req, peer }) => req.once("data", () => peer.leave()),
  },
  {
    name: "the peer leaves in the middle of an upload that is not read",
    method: "POST",
    length: 2000,
    sent: 1000,
    app: ({ peer }) => peer.leave(),
  },
  {
    name: "the peer resets in the middle of an upload that is read",
    method: "POST",
    length: 2000,
    sent: 1000,
    app: ({ req, peer }) => req.once("data", () => peer.reset()),
  },
  ...(["leave", "reset"] as const).flatMap((way): Scenario[] =>
    (
      [
        ["destroys the socket with the error", (error: Error, socket: Duplex) => socket.destroy(error)],
        ["destroys the socket", (_error: Error, socket: Duplex) => socket.destroy()],
        [
          "responds as Node's documentation has it",
          (error: NodeJS.ErrnoException, socket: Duplex) => {
            if (error.code === "ECONNRESET" || !socket.writable) return;
            socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
          },
        ],
      ] as const
    ).map(([what, listener]) => ({
      name: `the peer ${way}s in the middle of an upload and a clientError listener ${what}`,
      method: "POST",
      length: 2000,
      sent: 1000,
      app({ server, req, peer, note }) {
        server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
          const state = `${socket.destroyed} ${socket.writable}`;
          note(`clientError ${errorCode(error)} ${socket === req.socket} ${state}`);
          listener(error, socket);
        });
        req.once("data", () => peer[way]());
      },
    })),
  ),
  {
    name: "the peer resets before the response to a GET and a clientError listener hears it",
    app({ server, req, peer, note }) {
      server.on("clientError", (error, socket) => {
        note(`clientError ${errorCode(error)} ${socket === req.socket} ${socket.destroyed}`);
      });
      peer.reset();
    },
  },
  {
    name: "the application destroys the socket with an error and a clientError listener hears it",
    app({ server, req, note }) {
      server.on("clientError", (error, socket) => {
        note(`clientError ${errorCode(error)} ${socket === req.socket} ${socket.destroyed}`);
      });
      setImmediate(() => req.socket.destroy(new Error("broken off")));
    },
  },
  {
    name: "the peer leaves between two parts of a response",
    app(stage) {
      stage.res.write("half", () => stage.peer.leave());
    },
  },
  {
    name: "the peer leaves in the middle of a download that it does not take",
    paused: true,
    app(stage) {
      fill(stage);
      stage.peer.leave();
    },
  },
  {
    name: "the peer resets in the middle of a download that it does not take",
    paused: true,
    app(stage) {
      fill(stage);
      stage.peer.reset();
    },
  },
  {
    name: "the peer leaves after a pause in which the application waited for drain",
    paused: true,
    app(stage) {
      fill(stage);
      stage.res.once("drain", () => {
        stage.note("drain");
        stage.peer.leave();
      });
      stage.peer.resume();
    },
  },
  {
    name: "the peer leaves under a pipeline into the response",
    app({ req, res, peer, note }) {
      const endless = new Readable({
        read() {
          this.push(Buffer.alloc(16 * 1024));
        },
      });
      pipeline(endless, res, (error) => note(`pipeline ${errorCode(error)}`));
      finished(req, (error) => note(`finished(req) ${errorCode(error)}`));
      setImmediate(() => peer.leave());
    },
  },
  {
    name: "streams.finished watches a request that gets a response",
    method: "POST",
    length: 1000,
    app(stage) {
      finished(stage.req, (error) => stage.note(`finished(req) ${errorCode(error)}`));
      finished(stage.res, (error) => stage.note(`finished(res) ${errorCode(error)}`));
      stage.req.resume().on("end", () => respond(stage));
    },
  },
  {
    name: "streams.finished watches a request whose peer leaves",
    app(stage) {
      finished(stage.req, (error) => stage.note(`finished(req) ${errorCode(error)}`));
      finished(stage.res, (error) => stage.note(`finished(res) ${errorCode(error)}`));
      stage.peer.leave();
    },
  },
  {
    name: "the application writes after the peer has left",
    app({ res, peer, note }) {
      res.on("close", () => {
        note(`write ${res.write("late", (error) => note(`write callback ${errorCode(error)}`))}`);
        res.end(() => note("end callback"));
      });
      peer.leave();
    },
  },
  { name: "the application destroys the response before its head", app: ({ res }) => res.destroy() },
  {
    name: "the application destroys the response after its head",
    app({ res }) {
      res.write("half");
      setImmediate(() => res.destroy());
    },
  },
  {
    name: "the application destroys the response with an error",
    app({ res }) {
      res.write("half");
      setImmediate(() => res.destroy(new Error("broken off")));
    },
  },
  {
    name: "the application destroys the request",
    app({ req, res }) {
      res.write("half");
      setImmediate(() => req.destroy());
    },
  },
  {
    name: "the application destroys the request with an error",
    method: "POST",
    length: 2000,
    sent: 1000,
    app: ({ req }) => void req.destroy(new Error("no more")),
  },
  {
    name: "the application destroys the socket",
    app({ req, res }) {
      res.write("half");
      setImmediate(() => req.socket.destroy());
    },
  },
  {
    name: "the application destroys the socket in the middle of an upload",
    method: "POST",
    length: 2000,
    sent: 1000,
    app: ({ req }) => req.once("data", () => req.socket.destroy()),
  },
  {
    name: "the application destroys the response after its end",
    app(stage) {
      respond(stage);
      stage.res.destroy();
    },
  },
  {
    name: "the application destroys the request after the end of the response",
    method: "POST",
    length: 2000,
    sent: 1000,
    // Over FastCGI, output leaves at the end of the tick: at `aborted` it is not finished.
    ignoreState: true,
    app(stage) {
      respond(stage);
      stage.req.destroy();
    },
  },
  {
    name: "the server closes all connections under a request",
    app: ({ server }) => void setImmediate(() => server.closeAllConnections()),
  },
  {
    name: "the server closes while a request is open",
    // node:http leaves a kept connection open until it times out; ours is closed after its last response.
    only: "single",
    app(stage) {
      stage.server.close(() => stage.note("server close"));
      setImmediate(respond, stage);
    },
  },
  {
    name: "res.setTimeout fires and is heard",
    app(stage) {
      stage.res.setTimeout(50, () => {
        stage.note("timeout");
        respond(stage);
      });
    },
  },
  {
    name: "req.setTimeout fires and is heard",
    app(stage) {
      stage.req.setTimeout(50, () => {
        stage.note("timeout");
        respond(stage);
      });
    },
  },
  {
    name: "server.setTimeout fires and is heard",
    timeoutMs: 50,
    app(stage) {
      stage.server.on("timeout", (socket) => {
        stage.note(`server timeout ${socket === stage.req.socket}`);
        respond(stage);
      });
    },
  },
  {
    name: "req, res and server all hear of a time-out",
    method: "POST",
    length: 2000,
    sent: 1000,
    timeoutMs: 50,
    app(stage) {
      stage.req.on("timeout", () => stage.note("req timeout"));
      stage.res.on("timeout", () => stage.note("res timeout"));
      stage.server.on("timeout", () => stage.note("server timeout"));
      stage.req.socket.on("timeout", () => {
        stage.note("socket timeout");
        stage.res.destroy();
      });
    },
  },
  ...["req", "res", "server", "nobody"].map(
    (hearer): Scenario => ({
      name: `the socket of the connection event has a time-out that ${hearer === "nobody" ? "nobody" : `only ${hearer}`} hears`,
      onConnection(socket, note) {
        socket.setTimeout(50);
        socket.once("timeout", () => note("socket timeout"));
      },
      method: "POST",
      length: 2000,
      sent: 1000,
      app(stage) {
        const emitter = { req: stage.req, res: stage.res, server: stage.server }[hearer];
        emitter?.on("timeout", (socket: unknown) => {
          stage.note(`${hearer} timeout ${socket === stage.req.socket}`);
          setImmediate(() => stage.res.destroy());
        });
      },
    }),
  ),
  { name: "a time-out fires that nobody hears", timeoutMs: 50, app: silent },
  {
    name: "a time-out fires in the middle of an upload that nobody hears",
    method: "POST",
    length: 2000,
    sent: 1000,
    timeoutMs: 50,
    app: readAll,
  },
  {
    name: "the client expects 100-continue of nobody in particular",
    method: "POST",
    length: 1000,
    app(stage) {
      stage.res.writeContinue(() => stage.note("continue"));
      stage.req.resume().on("end", () => respond(stage));
    },
  },
];
