import { number } from "./report.ts";
import { type BenchResults, type CaseResult, type Measurement, ratio } from "./results.ts";

/** The cases that docs/performance.md shows, and how it calls them. */
const ROWS: readonly (readonly [id: string, title: string])[] = [
  ["hello/kept", "Hello world, a browser's header fields, kept connections"],
  ["hello/new", "The same, one connection per request"],
  ["hello/6-fields/kept", "Hello world, 6 header fields, kept connections"],
  ["express/kept", "Express 5, JSON route, kept connections"],
  ["express/new", "The same, one connection per request"],
  ["post/kept", "POST of 1 KB of JSON, kept connections"],
  ["nginx/kept", "Behind nginx, a browser's header fields, kept connections"],
  ["nginx/new", "The same, one connection per request"],
  ["nginx/minimum", "Behind nginx, as few header fields as it sends"],
  ["caddy/default", "Behind Caddy as it comes: FastCGI new, HTTP kept"],
  ["caddy/new", "Behind Caddy, one connection per request for both"],
  ["answer/64k/buffer", "Response of 64 KB as a buffer"],
  ["transfer/down/written", "100 MB down, written in pieces of 64 KB (per MB)"],
  ["transfer/down/file", "100 MB down, a file piped (per MB)"],
  ["transfer/up", "100 MB up (per MB)"],
];
const PEERS: readonly string[] = ["php-fpm", "Go net/http/fcgi", "libfcgi", "node-fastcgi"];

/** The cases that README shows, as ratios. */
const HEADLINES: readonly (readonly [id: string, title: string])[] = [
  ["hello/kept", "for a hello world with a browser's header fields"],
  ["express/kept", "for a JSON route of Express 5"],
  ["nginx/kept", "behind nginx"],
  ["caddy/default", "behind Caddy, which keeps HTTP connections but opens one for each FastCGI request"],
];

/** README's lines about a run. Cases that were not measured are left out. */
export function headlineMarkdown({ date, versions, cases }: BenchResults): string {
  const ratios = HEADLINES.flatMap(([id, title]) => {
    const result = cases.find((candidate) => candidate.id === id);
    const value = result && ratio(result);
    return value === undefined ? [] : [`${value.toFixed(2)} ${title}`];
  });
  return `CPU time of the server process, FastCGI divided by \`node:http\`, for the same application:
${ratios.join(";\n")}
(${date}, Node.js ${versions["Node.js"]?.slice(1)}; it varies by up to a tenth from run to run).
`;
}

/** The table of docs/performance.md: the cases that matter most, and other FastCGI servers. */
export function summaryMarkdown({ date, machine, versions, cases }: BenchResults): string {
  const find = (id: string): CaseResult => cases.find((result) => result.id === id)!;
  const server = (result: CaseResult, name: string): Measurement | undefined =>
    result.measurements.find((measurement) => measurement.name.startsWith(name));
  // What was not measured has no row: a web server may be missing on the machine.
  const row = ([id, title]: (typeof ROWS)[number]): string[] => {
    const result = find(id);
    const [ours, theirs] = [server(result, "serve-fastcgi"), server(result, "node:http")];
    if (ours === undefined || theirs === undefined) return [];
    const cells = [title, number(ours.value), number(theirs.value), ratio(result)?.toFixed(2) ?? ""];
    return [`| ${cells.join(" | ")} |`];
  };
  const small = find("hello/6-fields/kept");
  const cost = (name: string): string => `${number(server(small, name)?.value ?? 0)} µs`;
  const peers = PEERS.filter((name) => server(small, name) !== undefined);
  const transfer = find("transfer/down/written");
  const floorOfTransfer = number(server(transfer, "bare")?.value ?? 0);
  return `${date}, Node.js ${versions["Node.js"]?.slice(1)}, ${machine.cores} cores of a shared virtual machine:
compare the ratios, which vary by up to a tenth from run to run, rather than the absolute figures.

| µs of CPU per request | serve-fastcgi | node:http | ratio |
| --- | ---: | ---: | ---: |
${ROWS.flatMap(row).join("\n")}

Other FastCGI servers, hello world with 6 header fields on kept connections (node-fastcgi closes them):
${peers.map((name) => `${name} ${cost(name)}`).join(", ")}; serve-fastcgi ${cost("serve-fastcgi")}. A bare \`net\` server that
sends prepared bytes, which is the least that any server in Node.js can cost, takes ${cost("bare")}, and ${floorOfTransfer} µs for
a megabyte down.
`;
}
