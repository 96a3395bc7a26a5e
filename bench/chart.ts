import { number } from "./report.ts";
import { type BenchResults, type CaseResult, ratio } from "./results.ts";

const WIDTH = 900;
const LABEL_WIDTH = 410;
const ROW = 22;

/** The cases of README's picture: those that most applications have, and those in which HTTP costs less. */
const HEADLINE_CASES: readonly string[] = [
  "hello/kept",
  "hello/new",
  "express/kept",
  "post/kept",
  "nginx/kept",
  "nginx/new",
  "caddy/default",
  "transfer/down/written",
  "transfer/up",
];

/** Colours that can be told apart on white and on black, and by those who see red as green. */
const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 15px; font-weight: 600; }
.note { fill: #57606a; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.ours { fill: #0969da; stroke: #0969da; }
.more { fill: #bc4c00; }
.other { fill: #8c959f; stroke: #8c959f; }
.line { fill: none; stroke-width: 2; }
.axis { stroke: #8c959f; stroke-width: 1; }
.limit { fill: none; stroke: #24292f; stroke-width: 1; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note { fill: #9198a1; }
  .ours { fill: #4493f8; stroke: #4493f8; }
  .more { fill: #f0883e; }
  .limit { stroke: #e6edf3; }
}`;

/** Draws the cases as shares of node:http's cost, and the hello world of all servers. */
export function drawResults(results: BenchResults): string {
  const compared = results.cases.filter(
    (result) => !result.id.startsWith("scaling/") && ratio(result) !== undefined,
  );
  const parts: string[] = [];
  let y = drawRatios(parts, compared, 24);
  for (const id of ["hello/6-fields/kept", "hello/6-fields/new"]) {
    const result = results.cases.find((candidate) => candidate.id === id);
    if (result !== undefined) y = drawServers(parts, result, y + 30);
  }
  return document(parts, y);
}

/** Draws the cases of README as shares of node:http's cost, and the hello world of all servers. */
export function drawSummary(results: BenchResults): string {
  const compared = HEADLINE_CASES.flatMap((id) => results.cases.filter((result) => result.id === id));
  const parts: string[] = [];
  let y = drawRatios(parts, compared, 24);
  const servers = results.cases.find(({ id }) => id === "hello/6-fields/kept");
  if (servers !== undefined) y = drawServers(parts, servers, y + 30);
  return document(parts, y);
}

/** Draws how the cost grows with connections and with params. */
export function drawScaling(results: BenchResults): string {
  const parts: string[] = [];
  const half = WIDTH / 2;
  drawLines(parts, results, "scaling/connections/", "CPU µs per request, by connections", 0, half);
  drawLines(parts, results, "scaling/params/", "CPU µs per request, by params", half, half);
  return document(parts, 300);
}

function drawRatios(parts: string[], cases: readonly CaseResult[], top: number): number {
  const shares = cases.map((result) => ratio(result) ?? 0);
  // One case that went wrong must not shrink the bars of all the others.
  const most = Math.min(2, Math.max(1.1, ...shares));
  const scale = (WIDTH - LABEL_WIDTH - 200) / most;
  let y = top;
  parts.push(text(0, y, "Cost on the server, node:http = 100 %: shorter is better", "title"));
  y += 10;
  const limit = round(LABEL_WIDTH + scale);
  for (const [index, result] of cases.entries()) {
    const share = shares[index]!;
    const ours = result.measurements.find(({ name }) => name === "serve-fastcgi")!;
    const theirs = result.measurements.find(({ name }) => name === "node:http")!;
    const middle = y + ROW / 2 + 4;
    parts.push(text(LABEL_WIDTH - 8, middle, result.title, "end"));
    parts.push(bar(LABEL_WIDTH, y + 4, Math.min(share, most) * scale, share <= 1 ? "ours" : "more"));
    parts.push(text(WIDTH - 145, middle, `${(share * 100).toFixed(0)} %`, "end"));
    const values = `${number(ours.value)} : ${number(theirs.value)} ${unitOf(result)}`;
    parts.push(text(WIDTH, middle, values, "note end"));
    y += ROW;
  }
  parts.push(`<path class="limit" d="M${limit} ${top + 10}V${y}"/>`);
  return y;
}

/** The unit, short enough for the margin. */
function unitOf({ unit }: CaseResult): string {
  if (unit.startsWith("bytes")) return "bytes";
  return unit.endsWith("per MB") ? "µs/MB" : "µs";
}

function drawServers(parts: string[], result: CaseResult, top: number): number {
  const most = 100;
  const scale = (WIDTH - LABEL_WIDTH - 90) / most;
  let y = top;
  parts.push(text(0, y, `${result.title}: CPU µs per request`, "title"));
  y += 10;
  for (const { name, value } of result.measurements.toSorted((a, b) => a.value - b.value)) {
    const width = Math.min(value, most) * scale;
    const middle = y + ROW / 2 + 4;
    parts.push(text(LABEL_WIDTH - 8, middle, name, "end"));
    parts.push(bar(LABEL_WIDTH, y + 4, width, name === "serve-fastcgi" ? "ours" : "other"));
    parts.push(text(LABEL_WIDTH + width + 6, middle, `${value > most ? "→ " : ""}${number(value)}`));
    y += ROW;
  }
  return y;
}

function drawLines(
  parts: string[],
  results: BenchResults,
  prefix: string,
  title: string,
  left: number,
  width: number,
): void {
  const cases = results.cases.filter(({ id }) => id.startsWith(prefix));
  const most = Math.max(1, ...cases.flatMap((result) => result.measurements.map(({ value }) => value)));
  const [x0, x1, y0, y1] = [left + 40, left + width - 30, 250, 50];
  const amounts = cases.map(({ id }) => Number(id.slice(prefix.length)));
  const largest = Math.max(1, ...amounts);
  // Connections go from one to thousands: their axis is logarithmic. Params must show a straight line.
  const place = prefix.includes("connections")
    ? (amount: number): number => Math.log(amount) / Math.log(largest)
    : (amount: number): number => amount / largest;
  const x = (amount: number): number => x0 + place(amount) * (x1 - x0);
  const y = (value: number): number => y0 - (value / most) * (y0 - y1);
  parts.push(text(x0 - 30, 24, title, "title"));
  parts.push(`<path class="axis" fill="none" d="M${x0} ${y1}V${y0}H${x1}"/>`);
  parts.push(text(x0 - 6, y1 + 4, number(most), "note end"), text(x0 - 6, y0 + 4, "0", "note end"));
  for (const amount of amounts) parts.push(text(x(amount), y0 + 18, String(amount), "note middle"));
  for (const [name, style] of [
    ["node:http", "other"],
    ["serve-fastcgi", "ours"],
  ] as const) {
    const points = cases.flatMap((result, index) => {
      const found = result.measurements.find((measurement) => measurement.name === name);
      return found === undefined ? [] : [[x(amounts[index]!), y(found.value)] as const];
    });
    const path = points.map(([px, py]) => `${round(px)} ${round(py)}`).join("L");
    if (path !== "") parts.push(`<path class="${style} line" style="fill:none" d="M${path}"/>`);
    for (const [px, py] of points) {
      parts.push(`<circle class="${style}" cx="${round(px)}" cy="${round(py)}" r="3"/>`);
    }
    const legend = style === "ours" ? 0 : 140;
    parts.push(`<circle class="${style}" cx="${x0 + legend}" cy="286" r="4"/>`);
    parts.push(text(x0 + legend + 10, 290, name));
  }
}

function document(parts: readonly string[], bottom: number): string {
  const height = Math.ceil(bottom + 12);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<style>${STYLE}
</style>
${parts.join("\n")}
</svg>
`;
}

function text(x: number, y: number, content: string, style = ""): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${round(x)}" y="${round(y)}"${style === "" ? "" : ` class="${style}"`}>${escaped}</text>`;
}

function bar(x: number, y: number, width: number, style: string): string {
  return `<rect class="${style}" stroke="none" x="${x}" y="${y}" width="${round(width)}" height="${ROW - 8}" rx="2"/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
