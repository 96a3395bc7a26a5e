import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** The client's end of a connection: an HTTP client, or a web server. It sends one request and can disconnect. */
export interface Peer {
  /** Sends the head; with a `length`, a body of that length is to follow. */
  begin(method: string, length?: number): void;
  body(bytes: Buffer): void;
  /** Says that the body is complete, where the protocol has a way to say it. */
  endBody(): void;
  /** Stops reading the response, so that the application waits for `drain`. */
  pause(): void;
  resume(): void;
  /** Closes the connection. */
  leave(): void;
  /** Ends the connection with RST. */
  reset(): void;
}

/** The objects that a scenario works with. */
export interface Stage {
  readonly server: Server;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly peer: Peer;
  note(event: string): void;
}

/** A request that is played over `node:http` and over FastCGI, with equal events. */
export interface Scenario {
  /** A sentence in the present tense, beginning after "emits what node:http emits when". */
  readonly name: string;
  readonly method?: string;
  /** The length of the body announced. */
  readonly length?: number;
  /** How much of the body is sent with the head; all of it by default. */
  readonly sent?: number;
  /** `server.setTimeout()` before the connection is made. */
  readonly timeoutMs?: number;
  /** Whether the peer takes nothing of the response from the start. */
  readonly paused?: true;
  /** What the application does with the socket of the `connection` event. */
  onConnection?(socket: Socket, note: (event: string) => void): void;
  /** Compares the events only, and not the state at each. */
  readonly ignoreState?: true;
  /** Left out on the other kind of connection, for the reason that stands beside it. */
  readonly only?: "kept" | "single";
  /** The application. */
  app(stage: Stage): void;
}

/** Returns an error its shortest name. */
export const errorCode = (error: unknown): string =>
  error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : "none";

/** The state of both messages. */
function flags(req: IncomingMessage, res: ServerResponse): string {
  const of = (object: object, names: readonly string[]) =>
    names.filter((name) => Reflect.get(object, name)).join("+");
  const request = of(req, ["aborted", "complete", "destroyed", "readableEnded", "readableAborted", "closed"]);
  const response = of(res, [
    "headersSent",
    "writableEnded",
    "writableFinished",
    "destroyed",
    "closed",
    "errored",
    "finished",
  ]);
  return `req[${request}] res[${response}]`;
}

/** Notes the events of request, response and socket, with the state of both messages at each. */
export function noteAll(req: IncomingMessage, res: ServerResponse, note: (event: string) => void): void {
  const state = () => flags(req, res);
  const { socket } = req;
  for (const event of ["aborted", "end", "close"]) req.on(event, () => note(`req ${event} ${state()}`));
  req.on("error", (error) => note(`req error ${errorCode(error)} ${state()}`));
  for (const event of ["finish", "close"]) res.on(event, () => note(`res ${event} ${state()}`));
  res.on("error", (error) => note(`res error ${errorCode(error)} ${state()}`));
  const socketState = () => `${state()} socket[${socket.destroyed ? "destroyed" : ""}]`;
  socket.on("error", (error) => note(`socket error ${errorCode(error)} ${socketState()}`));
  socket.once("close", (hadError) => note(`socket close ${hadError} ${socketState()}`));
}
