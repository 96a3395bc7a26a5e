import assert from "node:assert/strict";
import { once, setMaxListeners } from "node:events";
import { createServer as createHTTPServer, type Server } from "node:http";
import { connect, createServer as createTCPServer, type Socket, type Server as TCPServer } from "node:net";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createServer } from "../../src/index.ts";
import {
  encodeBeginRequest,
  encodeNameValuePairs,
  encodeStream,
  encodeStreamEnd,
  RecordType,
  Role,
} from "../../src/protocol/index.ts";
import { noteAll, type Peer, type Scenario } from "../http-suite/events.ts";
import { scenarios } from "../http-suite/scenarios.ts";
import { listen } from "../support/server.ts";

/** A protocol: how to make its server, and a peer on a connection to it. */
interface Wire {
  readonly createServer: () => Server;
  readonly createPeer: (socket: Socket, keep: boolean) => Peer;
}

/** The part of a peer that does not depend on the protocol. */
const peerOn = (socket: Socket): Omit<Peer, "begin" | "body" | "endBody"> => ({
  pause: () => void socket.pause(),
  resume: () => void socket.resume(),
  leave: () => void socket.destroy(),
  reset: () => void socket.resetAndDestroy(),
});

const http: Wire = {
  createServer: () => createHTTPServer(),
  createPeer: (socket, keep) => ({
    ...peerOn(socket),
    begin(method, length) {
      const lengthField = length === undefined ? "" : `Content-Length: ${length}\r\n`;
      const connection = keep ? "keep-alive" : "close";
      socket.write(`${method} /path HTTP/1.1\r\nHost: h\r\nConnection: ${connection}\r\n${lengthField}\r\n`);
    },
    body: (bytes) => void socket.write(bytes),
    endBody() {},
  }),
};

const fastcgi: Wire = {
  createServer: () => createServer(),
  createPeer: (socket, keep) => ({
    ...peerOn(socket),
    begin(method, length) {
      const params: [string, string][] = [
        ["REQUEST_METHOD", method],
        ["REQUEST_URI", "/path"],
        ["SERVER_PROTOCOL", "HTTP/1.1"],
        ["CONTENT_LENGTH", length === undefined ? "" : String(length)],
        ["HTTP_HOST", "h"],
      ];
      const records = [
        encodeBeginRequest(1, Role.RESPONDER, keep ? 1 : 0),
        ...encodeStream(RecordType.PARAMS, 1, encodeNameValuePairs(params)),
        encodeStreamEnd(RecordType.PARAMS, 1),
      ];
      if (length === undefined) records.push(encodeStreamEnd(RecordType.STDIN, 1));
      socket.write(Buffer.concat(records));
    },
    body: (bytes) => void socket.write(Buffer.concat(encodeStream(RecordType.STDIN, 1, bytes))),
    endBody: () => void socket.write(encodeStreamEnd(RecordType.STDIN, 1)),
  }),
};

/**
 * Creates a TCP server that hands connections to `server` when their first bytes have come: a time-out of the
 * connection, which starts then, cannot pass before the request arrives.
 */
function acceptFor(server: Server): TCPServer {
  return createTCPServer(async (socket) => {
    while (socket.readableLength === 0) await setImmediate();
    server.emit("connection", socket);
  });
}

/**
 * Runs a scenario and gives what happened, in order.
 *
 * Left out is the socket's `close` after a complete response: under node:http it comes when the TCP connection is
 * closed, or never while it is kept; over FastCGI the socket is the request's own, and ends with it.
 */
async function play(wire: Wire, scenario: Scenario, keep: boolean): Promise<string[]> {
  const server = wire.createServer();
  if (scenario.timeoutMs) server.setTimeout(scenario.timeoutMs);
  const acceptor = scenario.timeoutMs || scenario.onConnection ? acceptFor(server) : server;
  const port = await listen(acceptor);
  const events: string[] = [];
  server.on("connection", (connection: Socket) => {
    scenario.onConnection?.(connection, (event) => void events.push(event));
  });
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  const peer = wire.createPeer(socket, keep);
  const deadline = AbortSignal.timeout(10_000);
  setMaxListeners(0, deadline);
  if (scenario.paused) peer.pause();
  const closed = new Promise<Promise<unknown>[]>((resolve, reject) => {
    deadline.addEventListener("abort", () => reject(new Error("the request never came")));
    server.on("request", (req, res) => {
      const note = (event: string) => void events.push(event);
      noteAll(req, res, note);
      const waits = [req, res, ...(keep ? [] : [req.socket])].map((emitter, index) =>
        once(emitter, "close", { signal: deadline }).catch((error: Error) => {
          if (error.name === "AbortError") events.push(`${["req", "res", "socket"][index]} close never came`);
        }),
      );
      resolve(waits);
      scenario.app({ server, req, res, peer, note });
    });
  });
  const { method = "GET", length, sent = length ?? 0 } = scenario;
  socket.cork();
  peer.begin(method, length);
  if (sent > 0) peer.body(Buffer.alloc(sent, "b"));
  if (length !== undefined && sent === length) peer.endBody();
  socket.uncork();
  try {
    await Promise.all(await closed);
    // What the last events lead to: ticks of a few turns of the event loop.
    for (let turn = 0; turn < 5; turn++) await setImmediate();
  } finally {
    socket.destroy();
    acceptor.close();
    server.closeAllConnections();
  }
  return keep || events.some((event) => event.startsWith("res finish"))
    ? events.filter((event) => !event.startsWith("socket close"))
    : events;
}

for (const keep of [false, true]) {
  describe(`on a connection ${keep ? "that is kept" : "for one request"}, FastCGI emits what node:http emits when`, () => {
    for (const scenario of scenarios) {
      if (scenario.only && scenario.only !== (keep ? "kept" : "single")) continue;
      test(scenario.name, async () => {
        const [expected, actual] = await Promise.all([
          play(http, scenario, keep),
          play(fastcgi, scenario, keep),
        ]);
        const compared = (events: string[]) =>
          scenario.ignoreState ? events.map((event) => event.replace(/ req\[.*/, "")) : events;
        assert.deepEqual(compared(actual), compared(expected));
      });
    }
  });
}

test("no descriptor of a connection is left open after all of that", async () => {
  // A reset that fails leaves a socket that says it is closed, and a descriptor that is not.
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  const open = process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap");
  assert.deepEqual(open, []);
});
