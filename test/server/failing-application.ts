/**
 * The application of exceptions.test.ts with an `uncaughtException` handler. It tells its state over IPC. With the
 * argument `clientError` it has a listener of that name that throws.
 */
import { type EventEmitter, once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { WatchedServer } from "../../src/server/watched-server.ts";
import { failingApp, throwSecret } from "./failures.ts";

const heard: string[] = [];
const uncaught: string[] = [];
process.on("uncaughtException", (error: Error) => uncaught.push(error.message));

let received = 0;
const sockets = new Set<Socket>();
const server = new WatchedServer(
  { maxRequests: 3 },
  (req, res) => {
    if (req.url?.startsWith("/fail/")) received++;
    return failingApp(req, res);
  },
  (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  },
);
server.on("requestError", (error: Error) => heard.push(error.message));
if (process.argv[2] === "clientError") server.on("clientError", throwSecret);
server.listen(0, "127.0.0.1");
await once(server, "listening");

/** What must be the same before and after a request. */
export interface State {
  readonly port: number;
  readonly connections: number;
  readonly listeners: number;
  /** Failing requests so far. */
  readonly received: number;
  /** Messages of all errors so far, by where they went. */
  readonly heard: string[];
  readonly uncaught: string[];
}

/** A connection that was full once listens for `drain` from then on. */
function countListeners(emitter: EventEmitter, name: string | symbol): number {
  return name === "drain" ? 0 : emitter.listenerCount(name);
}

process.send?.("ready");
process.on("message", () => {
  server.getConnections((_error, connections) => {
    const emitters = [server, process, ...sockets];
    const state: State = {
      port: (server.address() as AddressInfo).port,
      connections,
      received,
      listeners: emitters
        .flatMap((emitter) => emitter.eventNames().map((name) => countListeners(emitter, name)))
        .reduce((sum, count) => sum + count, 0),
      heard,
      uncaught,
    };
    process.send?.(state);
  });
});
