import { type CaseResult, type Measurement, ratio } from "./results.ts";

/** One case as lines of text for a terminal. */
export function caseLines(result: CaseResult): string {
  const lines = [`${result.title}  [${result.id}]`];
  if (result.skipped !== undefined) lines.push(`  skipped: ${result.skipped}`);
  for (const measurement of result.measurements) lines.push(`  ${measurementLine(measurement, result.unit)}`);
  const quotient = ratio(result);
  if (quotient !== undefined)
    lines.push(`  ${"ours : node:http".padEnd(40)}${quotient.toFixed(2).padStart(9)}`);
  return `${lines.join("\n")}\n`;
}

function measurementLine(measurement: Measurement, unit: string): string {
  const columns = [measurement.name.padEnd(40), number(measurement.value).padStart(9), ` ${unit}`];
  if (measurement.lowest < measurement.value) columns.push(` (lowest ${number(measurement.lowest)})`);
  if (measurement.perSecond > 0) columns.push(`, ${number(measurement.perSecond)}/s`);
  if (measurement.p50Micros > 0) {
    columns.push(`, p50 ${number(measurement.p50Micros)} µs, p99 ${number(measurement.p99Micros)} µs`);
  }
  if (measurement.peakBytes !== undefined)
    columns.push(`, ${megabytes(measurement.peakBytes)} MB RSS at most`);
  if (measurement.frontMicros !== undefined) columns.push(`, in front ${number(measurement.frontMicros)} µs`);
  if (measurement.usedBytes !== undefined)
    columns.push(`, ${number(measurement.usedBytes)} bytes of heap and buffers`);
  return columns.join("");
}

/** Three digits are all that a benchmark gives. */
export function number(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
