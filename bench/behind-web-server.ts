import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Contender, pair } from "./contenders.ts";
import { type Bench, type Entry, startEntry, summary } from "./measure.ts";
import {
  type Address,
  commandPath,
  cpuMicros,
  hasCommand,
  isPinned,
  LOAD_CORE,
  spawnPinned,
  stop,
  whenAccepting,
} from "./processes.ts";
import type { BenchRequest } from "./requests.ts";
import type { CaseResult, Round } from "./results.ts";

/** A case in which a web server stands in front, and wrk in front of that. */
export interface WebServerCase {
  readonly id: string;
  readonly title: string;
  readonly webServer: "nginx" | "caddy";
  readonly application: string;
  readonly url: string;
  readonly fields: BenchRequest["fields"];
  /** Whether the web server keeps its connections to the application; Caddy cannot over FastCGI. */
  readonly keep: boolean;
  /** Whether the proxied request carries the client's address and scheme, as FastCGI does. */
  readonly forwarded: boolean;
}

/** A contender, the web server before it, and what was measured. */
interface Deployment {
  readonly entry: Entry;
  readonly url: string;
  readonly pid: number;
  readonly rounds: Round[];
  stop(): Promise<void>;
}

/** Measures the pair behind a web server, in turn. */
export async function measureBehindWebServer(bench: Bench, benchCase: WebServerCase): Promise<CaseResult> {
  const { id, title } = benchCase;
  const missing = [benchCase.webServer, "wrk"].find((command) => !hasCommand(command));
  const result = { id, title, unit: "µs CPU per request" };
  if (missing !== undefined) return { ...result, measurements: [], skipped: `${missing} is not installed` };
  const deployments: Deployment[] = [];
  try {
    for (const contender of pair) {
      if (contender.isInstalled()) deployments.push(await startDeployment(bench, benchCase, contender));
    }
    for (const deployment of deployments) await runRound(benchCase, deployment);
    // wrk counts in whole seconds: fewer rounds are long enough.
    for (let round = 0; round < Math.min(bench.plan.rounds, bench.plan.isQuick ? 2 : 3); round++) {
      for (const deployment of deployments) deployment.rounds.push(await runRound(benchCase, deployment));
    }
  } finally {
    await Promise.all(deployments.map((deployment) => deployment.stop()));
  }
  return {
    ...result,
    measurements: deployments.map(({ entry, rounds }) => summary(entry.contender.name, rounds)),
  };
}

async function startDeployment(
  bench: Bench,
  benchCase: WebServerCase,
  contender: Contender,
): Promise<Deployment> {
  const entry = await startEntry(
    bench,
    { application: benchCase.application, request: benchCase },
    contender,
  );
  const port = await freePort();
  const address: Address = { host: "127.0.0.1", port };
  const isFastCGI = contender.protocol === "fastcgi";
  const path = "path" in entry.server.address ? entry.server.address.path : "";
  const folder = join(bench.folder, `deployment-${port}`);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, benchCase.webServer === "nginx" ? "nginx.conf" : "Caddyfile");
  const configuration = benchCase.webServer === "nginx" ? nginxConfiguration : caddyConfiguration;
  writeFileSync(file, configuration(benchCase, { folder, port, path, isFastCGI }));
  const args =
    benchCase.webServer === "nginx"
      ? ["-p", folder, "-c", file, "-e", join(folder, "error.log")]
      : ["run", "--config", file, "--adapter", "caddyfile"];
  const child = spawnPinned(LOAD_CORE, benchCase.webServer, args, "ignore", {
    ...process.env,
    XDG_DATA_HOME: folder,
    XDG_CONFIG_HOME: folder,
  });
  await whenAccepting(address, child);
  const url = `http://127.0.0.1:${port}${benchCase.url}`;
  const response = await fetch(url);
  const body = await response.text();
  if (response.status !== 200 || body !== "Hello, world!\n") {
    throw new Error(
      `${contender.name} behind ${benchCase.webServer} responds with ${response.status} "${body}"`,
    );
  }
  return {
    entry,
    url,
    pid: child.pid!,
    rounds: [],
    async stop() {
      await stop(child);
      await entry.server.stop();
    },
  };
}

const wrk = promisify(execFile);

async function runRound(benchCase: WebServerCase, deployment: Deployment): Promise<Round> {
  const fields = benchCase.fields.filter(([name]) => name !== "Connection");
  const args = ["-t1", "-c32", "-d1s", "--latency", ...fields.flatMap((field) => ["-H", field.join(": ")])];
  const line = [commandPath("wrk"), ...args, deployment.url];
  const pinned = isPinned() ? [commandPath("taskset"), "-c", String(LOAD_CORE), ...line] : line;
  const cpuBefore = cpuMicros(deployment.entry.server.pid);
  const webServerBefore = cpuMicros(deployment.pid);
  const { stdout } = await wrk(pinned[0]!, pinned.slice(1));
  const cpu = cpuMicros(deployment.entry.server.pid) - cpuBefore;
  const webServerCPU = cpuMicros(deployment.pid) - webServerBefore;
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const bad = /Non-2xx[^\n]*|Socket errors: connect [^\n]*/.exec(stdout)?.[0];
  if (bad !== undefined || requests === 0) {
    throw new Error(`${deployment.entry.contender.name} behind ${benchCase.webServer}: ${bad ?? stdout}`);
  }
  return {
    value: cpu / requests,
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50Micros: micros(/\s50%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    p99Micros: micros(/\s99%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    frontMicros: webServerCPU / requests,
  };
}

function micros(match: RegExpExecArray | null): number {
  const factor = { us: 1, ms: 1000, s: 1_000_000 }[match?.[2] ?? "us"] ?? 1;
  return Number(match?.[1] ?? 0) * factor;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

interface Upstream {
  readonly folder: string;
  readonly port: number;
  readonly path: string;
  readonly isFastCGI: boolean;
}

/** The fastcgi_params and proxy_params that come with nginx. */
function nginxConfiguration({ keep, forwarded }: WebServerCase, upstream: Upstream): string {
  const { folder, port, path, isFastCGI } = upstream;
  const temporary = ["client_body", "fastcgi", "proxy", "uwsgi", "scgi"];
  const fastcgi = `
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param SCRIPT_NAME $fastcgi_script_name;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param DOCUMENT_URI $document_uri;
      fastcgi_param DOCUMENT_ROOT $document_root;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_param REQUEST_SCHEME $scheme;
      fastcgi_param HTTPS $https if_not_empty;
      fastcgi_param GATEWAY_INTERFACE CGI/1.1;
      fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
      fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param REMOTE_PORT $remote_port;
      fastcgi_param SERVER_ADDR $server_addr;
      fastcgi_param SERVER_PORT $server_port;
      fastcgi_param SERVER_NAME $server_name;
      fastcgi_param REDIRECT_STATUS 200;
      fastcgi_keep_conn ${keep ? "on" : "off"};
      fastcgi_pass application;`;
  const http = `
      ${keep ? 'proxy_http_version 1.1; proxy_set_header Connection "";' : ""}
      proxy_set_header Host $http_host;
      ${
        forwarded
          ? `proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;`
          : ""
      }
      proxy_pass http://application;`;
  return `
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log crit;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(" ")}
  upstream application {
    server unix:${path};
    ${keep ? "keepalive 64; keepalive_requests 1000000000;" : ""}
  }
  server {
    listen 127.0.0.1:${port};
    location / {${isFastCGI ? fastcgi : http}
    }
  }
}
`;
}

function caddyConfiguration({ keep }: WebServerCase, { port, path, isFastCGI }: Upstream): string {
  const fastcgi = "transport fastcgi";
  const http = keep ? "" : "transport http {\n      keepalive off\n    }";
  return `{
  admin off
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  reverse_proxy unix/${path} {
    ${isFastCGI ? fastcgi : http}
  }
}
`;
}
