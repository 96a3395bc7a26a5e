import { type BenchResults, type CaseResult, type Measurement, ratio } from "./results.ts";

/** One case as lines of text for a terminal. */
export function caseLines(result: CaseResult): string {
  const lines = [`${result.title}  [${result.id}]`];
  if (result.skipped !== undefined) lines.push(`  skipped: ${result.skipped}`);
  for (const measurement of result.measurements) lines.push(`  ${measurementLine(measurement, result.unit)}`);
  const quotient = ratio(result);
  if (quotient !== undefined) {
    const lowest = ratio(result, ({ lowest, value }) => lowest ?? value) ?? 0;
    lines.push(
      `  ${"ours : node:http".padEnd(40)}${quotient.toFixed(2).padStart(9)} (of the lowest ${lowest.toFixed(2)})`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function measurementLine(measurement: Measurement, unit: string): string {
  const columns = [measurement.name.padEnd(40), number(measurement.value).padStart(9), ` ${unit}`];
  if (measurement.lowest !== undefined && measurement.lowest < measurement.value)
    columns.push(` (lowest ${number(measurement.lowest)})`);
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

/** All results as Markdown: what was measured where, the pairs, and the peers. */
export function markdown(results: BenchResults): string {
  const { date, machine, versions, method } = results;
  const facts = [
    `Measured on ${date}: ${machine.processor}, ${machine.cores} cores, ${machine.memory}, ${machine.system}.`,
    `${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join("; ")}.`,
    `${method.rounds} rounds of ${method.roundMs} ms each; ${
      method.isPinned === true
        ? "server and load generator on a core each"
        : "server and load generator not pinned"
    }.`,
  ];
  const lines = [
    facts.join("\n"),
    "",
    "| Case | Unit | serve-fastcgi | node:http | Ratio | Per second | p50 µs | p99 µs |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...results.cases.flatMap(pairRow),
    "",
    "Pairs of figures are serve-fastcgi : node:http.",
  ];
  for (const result of results.cases.filter(({ measurements }) => measurements.length > 3)) {
    lines.push(
      "",
      `${result.title}, all servers:`,
      "",
      "| Server | CPU µs per request | Requests per second |",
    );
    lines.push("| --- | ---: | ---: |");
    for (const { name, value, perSecond } of result.measurements) {
      lines.push(`| ${name} | ${number(value)} | ${number(perSecond)} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function pairRow(result: CaseResult): string[] {
  const ours = result.measurements.find(({ name }) => name.startsWith("serve-fastcgi"));
  const theirs = result.measurements.find(({ name }) => name.startsWith("node:http"));
  if (ours === undefined || theirs === undefined) return [];
  const both = (read: (measurement: Measurement) => number): string =>
    read(ours) > 0 ? `${number(read(ours))} : ${number(read(theirs))}` : "";
  const cells = [
    result.title,
    result.unit,
    number(ours.value),
    number(theirs.value),
    ratio(result)?.toFixed(2) ?? "",
    both(({ perSecond }) => perSecond),
    both(({ p50Micros }) => p50Micros),
    both(({ p99Micros }) => p99Micros),
  ];
  return [`| ${cells.join(" | ")} |`];
}
