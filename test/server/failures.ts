import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Link } from "../support/link.ts";
import * as wire from "../support/wire.ts";

/** The message of all errors. It must not reach clients. */
export const SECRET = "a secret";
/** The body of each request; its last four bytes come later than the head. */
export const BODY = "abcdefgh";

/** One way in which an application throws. */
export interface Failure {
  readonly name: string;
  /** Responds to the request, and throws sooner or later. */
  readonly app: (req: IncomingMessage, res: ServerResponse) => unknown;
  /** The response: a status, `cut` after the head, or `none` where nobody can know that the application is done for. */
  readonly outcome: 200 | 500 | "cut" | "none";
  /** Whether the response is not read before the trigger. */
  readonly isPaused?: boolean;
  /** Makes the application throw; by default that is the rest of the body. */
  readonly trigger?: (link: Link, id: number) => void;
  /** Thrown from a tick of Node's own streams: the error goes to `uncaughtException`, as under node:http. */
  readonly isUncaught?: boolean;
}

/** The rest of the body. */
export const rest = (id: number): Buffer =>
  Buffer.concat([wire.record(wire.STDIN, id, BODY.slice(4)), wire.record(wire.STDIN, id)]);

export function throwSecret(): never {
  throw new Error(SECRET);
}

const abort = (link: Link, id: number): void => link.send(wire.record(wire.ABORT_REQUEST, id));
/** Throws when the body has come so far. */
const whenRead = (req: IncomingMessage, then: () => void): void => {
  let text = "";
  req.on("data", (chunk: Buffer) => {
    text += chunk;
    if (text.length === BODY.length) then();
  });
};
/** Writes until there is no room. */
const fill = (res: ServerResponse): void => {
  while (res.write(Buffer.alloc(65536)));
};
const drainable = {
  outcome: "cut",
  isPaused: true,
  trigger: (link: Link, id: number) => {
    link.send(rest(id));
    link.resume();
  },
} as const;

export const failures: readonly Failure[] = [
  { name: "a data listener of req", outcome: 500, app: (req) => whenRead(req, throwSecret) },
  {
    name: "a data listener of req after the head",
    outcome: "cut",
    app: (req, res) => {
      res.write("begun");
      whenRead(req, throwSecret);
    },
  },
  {
    name: "a data listener of req that has called writeHead()",
    outcome: 500,
    app: (req, res) =>
      whenRead(req, () => {
        res.writeHead(200, { "Set-Cookie": "session=1" });
        throwSecret();
      }),
  },
  {
    name: "a data listener of req for each piece, with a response at the end of the body",
    outcome: 500,
    app: (req, res) => {
      req.on("data", throwSecret);
      req.on("end", () => res.end("done"));
    },
    isUncaught: true,
  },
  {
    name: "a callback of res.write()",
    outcome: "cut",
    app: (req, res) => whenRead(req, () => void res.write("begun", throwSecret)),
  },
  {
    name: "a callback of res.end()",
    outcome: 200,
    app: (req, res) => whenRead(req, () => void res.end("hello", throwSecret)),
  },
  {
    name: "a finish listener of res",
    outcome: 200,
    app: (req, res) => {
      res.on("finish", throwSecret);
      whenRead(req, () => void res.end("hello"));
    },
  },
  {
    name: "a finish listener of res before all others",
    outcome: 200,
    app: (req, res) => {
      res.prependListener("finish", throwSecret);
      whenRead(req, () => void res.end("hello"));
    },
  },
  {
    name: "a close listener of res",
    outcome: 200,
    app: (req, res) => {
      res.on("close", throwSecret);
      whenRead(req, () => void res.end("hello"));
    },
  },
  {
    name: "a close listener of the socket",
    outcome: 200,
    app: (req, res) => {
      req.socket.prependListener("close", throwSecret);
      whenRead(req, () => void res.end("hello"));
    },
  },
  {
    name: "a close listener of an aborted response",
    outcome: "none",
    app: (_req, res) => void res.on("close", throwSecret),
    trigger: abort,
  },
  {
    name: "an error listener of the socket",
    outcome: "cut",
    app: (req) => {
      req.socket.on("error", throwSecret);
      whenRead(req, () => void req.socket.destroy(new Error("given up")));
    },
  },
  {
    name: "a drain listener of res",
    ...drainable,
    app: (_req, res) => {
      res.on("drain", throwSecret);
      fill(res);
    },
  },
  {
    name: "a drain listener of the socket",
    ...drainable,
    app: (req, res) => {
      req.socket.on("drain", throwSecret);
      fill(res);
    },
  },
  ...(["req", "res", "socket"] as const).map(
    (name): Failure => ({
      name: `a timeout listener of ${name}`,
      outcome: 500,
      app: (req, res) => {
        // Where only the socket hears of it, the connection goes first.
        if (name === "socket") res.on("timeout", () => {});
        ({ req, res, socket: req.socket })[name].on("timeout", throwSecret);
        req.socket.setTimeout(1);
      },
      trigger: () => {},
    }),
  ),
  {
    name: "a writeHead() that was replaced",
    outcome: 500,
    app: (req, res) => {
      res.writeHead = throwSecret;
      whenRead(req, () => void res.end("hello"));
    },
  },
  {
    name: "an end() that was replaced",
    outcome: 500,
    app: (req, res) => {
      res.end = throwSecret;
      whenRead(req, () => void res.end("hello"));
    },
  },
  {
    name: "an end() that was replaced, after the head",
    outcome: "cut",
    app: (req, res) => {
      res.end = throwSecret;
      res.write("begun");
      whenRead(req, () => void res.end("hello"));
    },
  },
  {
    name: "all methods of res",
    outcome: 500,
    app: (req, res) => {
      Object.assign(res, {
        on: throwSecret,
        end: throwSecret,
        destroy: throwSecret,
        getHeaderNames: throwSecret,
        writeHead: throwSecret,
      });
      whenRead(req, throwSecret);
    },
  },
  {
    name: "the listener itself",
    outcome: 500,
    app: throwSecret,
  },
  {
    name: "the listener itself, with res.end() replaced",
    outcome: 500,
    app: (_req, res) => {
      res.end = throwSecret;
      throwSecret();
    },
  },
  {
    name: "an async listener after writeHead()",
    outcome: 500,
    app: async (_req, res) => {
      res.writeHead(201);
      await null;
      throwSecret();
    },
  },
  {
    name: "an async listener that has ended the stderr of the request",
    outcome: 500,
    app: async (req) => {
      (req.socket as unknown as { stderr: NodeJS.WritableStream }).stderr.end();
      await null;
      throwSecret();
    },
  },
  // What Node's own streams emit from ticks of theirs.
  {
    name: "an end listener of req",
    outcome: "none",
    app: (req) => void req.resume().on("end", throwSecret),
    isUncaught: true,
  },
  {
    name: "a close listener of an aborted req",
    outcome: "none",
    app: (req) => void req.on("close", throwSecret),
    trigger: abort,
    isUncaught: true,
  },
  {
    name: "an error listener of an aborted req",
    outcome: "none",
    app: (req) => void req.on("error", throwSecret),
    trigger: abort,
    isUncaught: true,
  },
  {
    name: "an aborted listener of req",
    outcome: "none",
    app: (req) => void req.on("aborted", throwSecret),
    trigger: abort,
    isUncaught: true,
  },
];

/** The URL at which {@link failingApp} fails in this way. */
export const urlOf = (failure: Failure): string => `/fail/${failures.indexOf(failure)}`;

/** Serves the URLs of failures as these do, and everything else with `hello`, after the body. */
export const failingApp: RequestListener = (req, res) => {
  const failure = failures.find((known) => urlOf(known) === req.url);
  if (failure !== undefined) return failure.app(req, res);
  req.resume().on("end", () => res.end("hello"));
};
