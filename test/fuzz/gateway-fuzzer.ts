/** Random HTTP requests through the gateway and our server, and to node:http with the same application. */
import http, { type Agent, type IncomingMessage } from "node:http";
import { createGateway } from "../../src/client/index.ts";
import { createServer } from "../../src/index.ts";
import { Random } from "../support/random.ts";
import { listen } from "../support/server.ts";
import { application, type GatewayPlan, makePlan } from "./gateway-application.ts";
import { playSessions, type SessionReport } from "./lanes.ts";

const LANES = 12;
const PATIENCE_MS = 10_000;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface HTTPInput {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: readonly Buffer[];
  readonly isChunked: boolean;
  /** The number of turns after which the client disconnects. */
  readonly leavesAfter: number | undefined;
}

function makeInput(seed: number, index: number): HTTPInput {
  const random = new Random(seed, index);
  const method = random.pick([
    "GET",
    "GET",
    "GET",
    "HEAD",
    "POST",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
  ]);
  const query = random.pick(["", "", "?a=b&c=%20d", "?", "??", "?\xe4"]);
  const headers = ["Host", random.pick(["a.test", "a.test:8080", "[::1]:80"])];
  const names = ["Accept", "Cookie", "Cookie", "X-Repeated", "X-Repeated", "User-Agent", "X-Latin", "Range"];
  for (const name of names)
    if (random.chance(0.3)) headers.push(name, random.pick(["a=1", "x/y", "\xfc", "a, b"]));
  const hasBody = method !== "GET" && method !== "HEAD" ? random.chance(0.7) : random.chance(0.05);
  const body = hasBody
    ? Array.from({ length: random.integer(0, 4) }, () =>
        Buffer.alloc(random.pick([1, 100, 9000, 70_000]), "b"),
      )
    : [];
  if (hasBody) headers.push("Content-Type", "text/plain");
  const isChunked = hasBody && random.chance(0.4);
  if (isChunked) headers.push("Transfer-Encoding", "chunked");
  else if (hasBody) headers.push("Content-Length", String(Buffer.concat(body).length));
  return {
    method,
    path: `/${seed}/${index}${query}`,
    headers,
    body,
    isChunked,
    leavesAfter: random.chance(0.1) ? random.integer(0, 8) : undefined,
  };
}

/** What a client sees: one value for each way in which a response can differ. */
interface Seen {
  readonly status: string;
  readonly fields: string;
  readonly body: string;
  readonly isComplete: boolean;
}

/** Fields of one connection, and those that every server writes as it likes. */
const OWN = new Set(["connection", "date", "keep-alive", "transfer-encoding", "trailer"]);

async function send(port: number, agent: Agent | false, input: HTTPInput): Promise<Seen | undefined> {
  const req = http.request({
    port,
    host: "127.0.0.1",
    method: input.method,
    path: input.path.replace("\xe4", "%E4"),
    // Pairs, so that fields can be repeated: what node:http takes and its types do not say.
    headers: input.headers as unknown as http.OutgoingHttpHeaders,
    agent,
  });
  const closed = new Promise((resolve) => req.once("close", resolve));
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    req.destroy();
  }, PATIENCE_MS);
  req.on("error", () => {});
  if (input.leavesAfter !== undefined) void leave(input.leavesAfter, () => req.destroy());
  const response = new Promise<IncomingMessage | undefined>((resolve) => {
    req.once("response", resolve);
    req.once("close", () => resolve(undefined));
  });
  for (const piece of input.body) {
    req.write(piece);
    await turn();
  }
  req.end();
  const res = await response;
  const chunks: Buffer[] = [];
  try {
    if (res !== undefined) for await (const chunk of res) chunks.push(chunk as Buffer);
  } catch {
    // Aborted: `complete` is false.
  }
  // The server closed the connection while the body was sent: it cannot be used again.
  if (!req.destroyed && !req.writableFinished) req.destroy();
  await closed;
  clearTimeout(timer);
  if (isLate) return { status: "none in time", fields: "", body: "", isComplete: false };
  // The server closed the connection at that moment, as it may after an upload that it did not read.
  if (res === undefined && req.reusedSocket && input.leavesAfter === undefined)
    return send(port, false, input);
  if (res === undefined) return undefined;
  const fields = Object.entries(res.headersDistinct)
    // RFC 9110, 8.6: the gateway takes a length off a 204, node:http leaves it to the application.
    .filter(([name]) => !OWN.has(name) && !(name === "content-length" && res.statusCode === 204))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    status: `${res.statusCode} ${res.statusMessage}`,
    fields: JSON.stringify(fields),
    body: Buffer.concat(chunks).toString("latin1"),
    isComplete: res.complete,
  };
}

async function leave(turns: number, destroy: () => void): Promise<void> {
  for (let n = 0; n < turns; n++) await turn();
  destroy();
}

function compare(plan: GatewayPlan, direct: Seen | undefined, gateway: Seen | undefined): string | undefined {
  // A response that broke off before its head is 502, as from any web server.
  if (plan.breaksAfter !== undefined) {
    if (gateway === undefined || !gateway.isComplete || gateway.status.startsWith("502 ")) return undefined;
    return direct?.isComplete === true ? undefined : "a broken response looks complete";
  }
  for (const key of ["status", "fields", "body", "isComplete"] as const) {
    if (direct?.[key] === gateway?.[key]) continue;
    const [wanted, got] = [direct?.[key], gateway?.[key]].map((value) => String(value).slice(0, 300));
    return `${key}: node:http ${wanted}, gateway ${got}`;
  }
  return undefined;
}

/** Compares the gateway with node:http, from request `first` of the seed on. */
export async function fuzzGateway(
  seed: number,
  first: number,
  count: number,
  seconds: number,
): Promise<SessionReport> {
  const backend = createServer(application);
  const backendPort = await listen(backend);
  const direct = http.createServer(application);
  const gateways = [
    createGateway(backendPort),
    createGateway(backendPort, { keepConn: true, maxConnections: 4, keepAliveTimeout: 100 }),
    createGateway(backendPort, { multiplex: true, keepAliveTimeout: 100 }),
  ];
  const fronts = gateways.map((gateway) => http.createServer(gateway));
  const ports: number[] = [];
  for (const front of fronts) ports.push(await listen(front));
  const directPort = await listen(direct);
  const agents = Array.from({ length: LANES }, () => new http.Agent({ keepAlive: true, maxSockets: 4 }));
  try {
    const lanes = agents.map((agent) => async (index: number) => {
      const input = makeInput(seed, index);
      const [wanted, got] = await Promise.all([
        send(directPort, agent, input),
        send(ports[index % ports.length]!, agent, input),
      ]);
      return input.leavesAfter === undefined ? compare(makePlan(seed, index), wanted, got) : undefined;
    });
    const settle = async (): Promise<string | undefined> => {
      for (const agent of agents) agent.destroy();
      const deadline = performance.now() + PATIENCE_MS;
      for (const server of [direct, backend, ...fronts]) {
        while ((await connections(server)) > 0) {
          if (performance.now() > deadline) return `a server has ${await connections(server)} connections`;
          await turn();
        }
      }
      return undefined;
    };
    const report = await playSessions(lanes, first, count, seconds, settle);
    for (const { client } of gateways) await client.close();
    return report;
  } finally {
    for (const agent of agents) agent.destroy();
    for (const server of [direct, backend, ...fronts]) {
      server.close();
      server.closeAllConnections();
    }
  }
}

function connections(server: http.Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}
