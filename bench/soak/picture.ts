import type { State } from "./application.ts";

/** A state of the server at a time of the run. */
export interface Sample extends State {
  readonly done: number;
  readonly seconds: number;
}

const WIDTH = 900;
const PANEL = 170;
const LEFT = 90;

const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 14px; font-weight: 600; }
.end { text-anchor: end; }
.axis { stroke: #8c959f; fill: none; }
.line { stroke: #0969da; stroke-width: 2; fill: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .line { stroke: #4493f8; }
}`;

const MEGABYTE = 1_048_576;
const panels: readonly { readonly title: string; readonly read: (sample: Sample) => number }[] = [
  { title: "Resident memory (RSS), MiB", read: (sample) => sample.rss / MEGABYTE },
  { title: "Heap after garbage collection, MiB", read: (sample) => sample.heap / MEGABYTE },
  { title: "Open descriptors", read: (sample) => sample.descriptors },
];

/** Draws memory, heap and descriptors over the requests. */
export function drawSamples(samples: readonly Sample[]): string {
  const parts: string[] = [];
  const total = Math.max(1, samples.at(-1)?.done ?? 1);
  for (const [index, { title, read }] of panels.entries()) {
    const top = index * PANEL + 40;
    const bottom = top + PANEL - 60;
    const most = niceAbove(Math.max(...samples.map(read)));
    const x = (sample: Sample): number => LEFT + (sample.done / total) * (WIDTH - LEFT - 30);
    const y = (sample: Sample): number => bottom - (read(sample) / most) * (bottom - top);
    parts.push(`<text class="title" x="${LEFT}" y="${top - 12}">${title}</text>`);
    parts.push(`<path class="axis" d="M${LEFT} ${top}V${bottom}H${WIDTH - 30}"/>`);
    parts.push(`<text class="end" x="${LEFT - 8}" y="${top + 4}">${most}</text>`);
    parts.push(`<text class="end" x="${LEFT - 8}" y="${bottom + 4}">0</text>`);
    const path = samples.map((sample) => `${x(sample).toFixed(1)} ${y(sample).toFixed(1)}`).join("L");
    parts.push(`<path class="line" d="M${path}"/>`);
  }
  const bottom = panels.length * PANEL + 20;
  parts.push(`<text x="${LEFT}" y="${bottom}">0 requests</text>`);
  parts.push(`<text class="end" x="${WIDTH - 30}" y="${bottom}">${total.toLocaleString("en")}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 15}" role="img">
<style>${STYLE}
</style>
${parts.join("\n")}
</svg>
`;
}

function niceAbove(value: number): number {
  const step = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return Math.ceil(value / step) * step;
}
