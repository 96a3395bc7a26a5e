import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { measureBehindWebServer, type WebServerCase } from "./behind-web-server.ts";
import { floor, pair, peers } from "./contenders.ts";
import { type Bench, measureRequests, type RequestCase } from "./measure.ts";
import {
  type BenchRequest,
  BODY_PIECE_LENGTH,
  BROWSER_FIELDS,
  SIX_FIELDS,
  SIXTY_FIELDS,
} from "./requests.ts";
import type { CaseResult } from "./results.ts";
import { measureEvents, measureImport, measureMemory } from "./states.ts";

/** Something to measure. */
export interface BenchCase {
  readonly id: string;
  readonly title: string;
  /** Whether it is left out of the quick run. */
  readonly isLong: boolean;
  /** The requests, if they go straight to the servers. */
  readonly requests?: RequestCase;
  run(bench: Bench): CaseResult | Promise<CaseResult>;
}

/** Of the cases that a target is set for. */
const GENERATIONS = 3;

const everybody = [floor, ...pair, ...peers];
const browser: BenchRequest = { fields: BROWSER_FIELDS };
const small: BenchRequest = { fields: SIX_FIELDS };

type Rest = Omit<RequestCase, "id" | "title" | "application" | "request"> & {
  application?: string;
  request?: BenchRequest;
  isLong?: boolean;
};

/** A case of requests straight to the servers: hello world with a browser's fields unless it says otherwise. */
function direct(id: string, title: string, rest: Rest = {}): BenchCase {
  const { isLong = false, ...options } = rest;
  const benchCase: RequestCase = { id, title, application: "hello", request: browser, ...options };
  return { id, title, isLong, requests: benchCase, run: (bench) => measureRequests(bench, benchCase) };
}

const helloCases = [
  direct("hello/kept", "Hello world, browser's header fields, kept connections", {
    contenders: [floor, ...pair],
    generations: GENERATIONS,
  }),
  direct("hello/new", "Hello world, browser's header fields, one connection per request", {
    contenders: [floor, ...pair],
    keep: false,
    generations: GENERATIONS,
  }),
  direct("hello/6-fields/kept", "Hello world, 6 header fields, kept connections", {
    request: small,
    contenders: everybody,
    isLong: true,
  }),
  direct("hello/6-fields/new", "Hello world, 6 header fields, one connection per request", {
    request: small,
    keep: false,
    contenders: everybody,
    isLong: true,
  }),
  direct("hello/60-fields/kept", "Hello world, 60 header fields, kept connections", {
    request: { fields: SIXTY_FIELDS },
  }),
  direct("hello/tcp/kept", "Hello world over TCP, kept connections", { transport: "tcp" }),
  direct("hello/tcp/new", "Hello world over TCP, one connection per request", {
    transport: "tcp",
    keep: false,
  }),
];

const book: BenchRequest = { ...browser, url: "/books/42?edition=first" };
const text = JSON.stringify({
  items: Array.from({ length: 32 }, (_, id) => ({ id, name: `item ${id}`, n: 1 })),
});
const post: BenchRequest = {
  method: "POST",
  url: "/orders",
  fields: [...BROWSER_FIELDS, ["Content-Type", "application/json"]],
  body: Buffer.from(text),
};

const applicationCases = [
  direct("express/kept", "Express 5, JSON route, kept connections", {
    application: "express",
    request: book,
    generations: GENERATIONS,
  }),
  direct("express/new", "Express 5, JSON route, one connection per request", {
    application: "express",
    request: book,
    keep: false,
    generations: GENERATIONS,
  }),
  direct("post/kept", "POST of 1 KB of JSON, kept connections", { application: "post", request: post }),
  direct("post/new", "POST of 1 KB of JSON, one connection per request", {
    application: "post",
    request: post,
    keep: false,
    isLong: true,
  }),
];

const responseCases = ["64k", "1m"].flatMap((size) =>
  ["buffer", "string", "stream"].map((how) =>
    direct(`answer/${size}/${how}`, `Response of ${size === "1m" ? "1 MB" : "64 KB"} as a ${how}`, {
      application: "bytes",
      request: { ...browser, url: `/${size}/${how}` },
      connections: 8,
      isLong: size === "1m",
    }),
  ),
);

/** About 100 MB, in whole pieces of the load generator's. */
const TRANSFER_LENGTH = 1526 * BODY_PIECE_LENGTH;

function makeFile(folder: string): NodeJS.ProcessEnv {
  const path = join(folder, "file");
  if (!existsSync(path)) {
    const file = openSync(path, "w");
    const piece = Buffer.alloc(BODY_PIECE_LENGTH, "x");
    for (let length = 0; length < TRANSFER_LENGTH; length += piece.length) writeSync(file, piece);
    closeSync(file);
  }
  return { BENCH_FILE: path, BENCH_FILE_LENGTH: String(TRANSFER_LENGTH) };
}

function transfer(
  id: string,
  title: string,
  application: string,
  request: BenchRequest,
  contenders: RequestCase["contenders"] = pair,
): BenchCase {
  const megabytes = TRANSFER_LENGTH / 1e6;
  return direct(`transfer/${id}`, title, {
    application,
    request,
    connections: 1,
    megabytes,
    contenders,
    prepare: makeFile,
  });
}

const transferCases = [
  transfer(
    "down/written",
    "100 MB down, written in pieces of 64 KB, with Content-Length",
    "bytes",
    { ...browser, url: "/written/length" },
    [floor, ...pair],
  ),
  transfer("down/chunked", "100 MB down, written in pieces of 64 KB, length unknown", "bytes", {
    ...browser,
    url: "/written/chunked",
  }),
  transfer("down/file", "100 MB down, a file piped, with Content-Length", "bytes", {
    ...browser,
    url: "/file/length",
  }),
  transfer("up", "100 MB up, counted", "upload", { ...browser, method: "POST", bodyLength: TRANSFER_LENGTH }),
];

type WebServerOptions = Partial<WebServerCase> & { isLong?: boolean };

function behind(
  webServer: "nginx" | "caddy",
  id: string,
  title: string,
  rest: WebServerOptions = {},
): BenchCase {
  const { isLong = true, ...options } = rest;
  const benchCase: WebServerCase = {
    id: `${webServer}/${id}`,
    title,
    webServer,
    application: "hello",
    url: "/",
    fields: BROWSER_FIELDS,
    keep: true,
    forwarded: true,
    ...options,
  };
  return { id: benchCase.id, title, isLong, run: (bench) => measureBehindWebServer(bench, benchCase) };
}

const webServerCases = [
  behind("nginx", "kept", "Behind nginx, browser's header fields, kept connections", { isLong: false }),
  behind("nginx", "new", "Behind nginx, browser's header fields, one connection per request", {
    keep: false,
  }),
  behind("nginx", "minimum", "Behind nginx, as few header fields as it sends, kept connections", {
    fields: [],
    forwarded: false,
  }),
  behind("caddy", "default", "Behind Caddy as it comes: FastCGI new, HTTP kept"),
  behind("caddy", "new", "Behind Caddy, one connection per request for both", { keep: false }),
];

const stateCases: BenchCase[] = [
  {
    id: "events",
    title: "Server-sent events to 500 clients",
    isLong: false,
    run: (bench) => measureEvents(bench, "events", "Server-sent events to 500 clients"),
  },
  {
    id: "memory/idle",
    title: "Memory of an idle kept connection",
    isLong: false,
    run: (bench) => measureMemory(bench, "memory/idle", "Memory of an idle kept connection", "hello"),
  },
  {
    id: "memory/open",
    title: "Memory of an open request and its connection",
    isLong: false,
    run: (bench) =>
      measureMemory(bench, "memory/open", "Memory of an open request and its connection", "hold"),
  },
  {
    id: "import",
    title: "Time to import the module",
    isLong: false,
    run: (bench) => measureImport(bench, "import", "Time to import the module"),
  },
];

/** Bare params and the Host field are five; the rest are header fields of the usual length. */
function withParams(count: number): BenchRequest {
  const more = Array.from(
    { length: count - 5 },
    (_, n) => [`X-Field-${n}`, "a value of usual length"] as const,
  );
  return { isBare: true, fields: [["Host", "www.example.com"], ...more] };
}

const scalingCases = [
  ...[1, 8, 32, 256, 1000, 5000].map((connections) =>
    direct(`scaling/connections/${connections}`, `Hello world, ${connections} connections`, {
      connections,
      mostRounds: 3,
      isLong: connections !== 1 && connections !== 256,
    }),
  ),
  ...[5, 25, 50, 100, 200].map((count) =>
    direct(`scaling/params/${count}`, `Hello world, ${count} params`, {
      request: withParams(count),
      mostRounds: 3,
      isLong: true,
    }),
  ),
];

/** Everything, in the order of the table. */
export const cases: readonly BenchCase[] = [
  ...helloCases,
  ...applicationCases,
  ...responseCases,
  ...transferCases,
  ...webServerCases,
  ...stateCases,
  ...scalingCases,
];
