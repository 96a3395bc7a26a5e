/** The application of the gateway's fuzzer: what it does is in the number of the request's URL. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Random } from "../support/random.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What the application does, and whether the client gets a whole response of it. */
export interface GatewayPlan {
  readonly status: number;
  readonly reason: string | undefined;
  readonly fields: readonly (readonly [name: string, value: string | string[]])[];
  readonly readsBody: "before" | "after" | "never";
  readonly pieces: readonly number[];
  readonly hasLength: boolean;
  readonly flushesHead: boolean;
  /** The number of pieces after which the response is destroyed. */
  readonly breaksAfter: number | undefined;
  readonly echoes: boolean;
}

export function makePlan(seed: number, index: number): GatewayPlan {
  const random = new Random(seed ^ 0x5bd1e995, index);
  const fields: [string, string | string[]][] = [];
  if (random.chance(0.5)) fields.push(["Content-Type", random.pick(["text/plain", "x/y; charset=z"])]);
  if (random.chance(0.3)) fields.push(["Set-Cookie", ["a=1", "b=2; Path=/"]]);
  const echoes = random.chance(0.4);
  // Before a body that begins with a string, node:http's encoding of the head depends on how it is framed.
  const value = echoes ? "a value" : "\xe4 value";
  if (random.chance(0.3)) fields.push([random.pick(["X-Lower", "x-lower", "ETag", "Vary"]), value]);
  if (random.chance(0.1)) fields.push(["Link", ["<a>", "<b>"]]);
  if (random.chance(0.1)) fields.push(["X-Empty", ""]);
  if (random.chance(0.1)) fields.push(["Location", random.pick(["/elsewhere", "http://a.test/"])]);
  const pieces = Array.from({ length: random.pick([0, 0, 1, 2, 5]) }, () =>
    random.pick([1, 7, 500, 5000, 70_000]),
  );
  return {
    status: random.pick([
      200, 200, 200, 200, 201, 204, 205, 301, 302, 304, 400, 404, 418, 500, 503, 599, 799,
    ]),
    reason: random.chance(0.2) ? "A Reason" : undefined,
    fields,
    readsBody: random.pick(["before", "before", "after", "never"]),
    pieces,
    hasLength: random.chance(0.3),
    flushesHead: random.chance(0.2),
    // A broken response may end its connection, with requests that were multiplexed onto it meanwhile.
    breaksAfter: random.chance(0.1) && index % 3 !== 2 ? random.integer(0, pieces.length) : undefined,
    echoes,
  };
}

/** Header fields that both ways must show alike; those of one connection are its own. */
function comparable(headers: IncomingMessage["headers"]): [string, unknown][] {
  const own = new Set(["connection", "host", "keep-alive", "te", "transfer-encoding", "content-length"]);
  return Object.entries(headers)
    .filter(([name]) => !own.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

export async function application(req: IncomingMessage, res: ServerResponse): Promise<void> {
  for (const stream of [req, res]) stream.on("error", () => {});
  const [, seed, index] = req.url!.split(/[/?]/);
  const plan = makePlan(Number(seed), Number(index));
  const random = new Random(Number(seed), Number(index));
  let length = 0;
  const read = async (): Promise<void> => {
    try {
      for await (const chunk of req) length += (chunk as Buffer).length;
    } catch {
      // The client has disconnected.
    }
  };
  if (plan.readsBody === "before") await read();
  res.statusCode = plan.status;
  if (plan.reason !== undefined) res.statusMessage = plan.reason;
  for (const [name, value] of plan.fields) res.setHeader(name, value);
  const echo = plan.echoes
    ? JSON.stringify([req.method, req.url, req.httpVersion, comparable(req.headers), length])
    : "";
  const total = Buffer.byteLength(echo) + plan.pieces.reduce((sum, piece) => sum + piece, 0);
  if (plan.hasLength) res.setHeader("Content-Length", total);
  if (plan.flushesHead) res.flushHeaders();
  if (echo !== "") res.write(echo);
  for (const [n, piece] of plan.pieces.entries()) {
    if (plan.breaksAfter === n) break;
    if (random.chance(0.3)) await turn();
    if (res.destroyed) return;
    res.write(Buffer.alloc(piece, "abcdefgh"[n % 8]));
  }
  if (plan.readsBody === "after") await read();
  if (plan.breaksAfter === undefined) res.end();
  else res.destroy();
}
