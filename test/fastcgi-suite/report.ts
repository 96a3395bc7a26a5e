import type { Result } from "./runner.ts";
import { sections } from "./sections.ts";

interface Count {
  passed: number;
  asked: number;
}

function count(results: readonly Result[], level: Result["level"]): Count {
  const ours = results.filter((r) => r.level === level && r.outcome !== "n/a");
  return { passed: ours.filter((r) => r.outcome === "pass").length, asked: ours.length };
}

function show({ passed, asked }: Count): string {
  return asked === 0 ? "n/a" : `${passed} of ${asked}`;
}

/** One line per case, for a terminal. */
export function line(result: Result): string {
  const { outcome, id, level, title, reason } = result;
  return `${outcome.padEnd(4)}  ${id.padEnd(32)} ${level.padEnd(6)} ${title}${reason ? `\n      ${reason}` : ""}`;
}

/** The table by section, with totals, for a terminal. */
export function table(results: readonly Result[]): string {
  const rows = [["section", "", "MUST", "SHOULD", "n/a"]];
  for (const { id, title } of [...sections, { id: "total", title: "" }]) {
    const own = id === "total" ? results : results.filter((r) => r.section === id);
    if (own.length === 0) continue;
    const skipped = own.filter((r) => r.outcome === "n/a").length;
    rows.push([
      id,
      title,
      show(count(own, "MUST")),
      show(count(own, "SHOULD")),
      skipped ? String(skipped) : "",
    ]);
  }
  const widths = rows[0]!.map((_, n) => Math.max(...rows.map((row) => row[n]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, n) => cell.padEnd(widths[n]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A column of the comparative table. */
export interface Column {
  readonly name: string;
  readonly results: readonly Result[];
}

/** One Markdown table by section: MUST / SHOULD passed of those that apply, for each application. */
export function markdown(columns: readonly Column[]): string {
  const rows = [
    ["Section", "Cases", ...columns.map(({ name }) => name)],
    ["---", "---:", ...columns.map(() => "---")],
  ];
  for (const { id, title } of [...sections, { id: "", title: "" }]) {
    const cells = columns.map(({ results }) => {
      const own = id === "" ? results : results.filter((r) => r.section === id);
      const skipped = own.filter((r) => r.outcome === "n/a").length;
      const levels = (["MUST", "SHOULD"] as const)
        .map((level) => ({ level, ...count(own, level) }))
        .filter(({ asked }) => asked > 0)
        .map(({ level, passed, asked }) => `${level} ${passed}/${asked}`);
      const all = levels.length === 0 ? "n/a" : levels.join(", ");
      return skipped > 0 && levels.length > 0 ? `${all} (${skipped} n/a)` : all;
    });
    const cases = (columns[0]?.results ?? []).filter((r) => id === "" || r.section === id).length;
    if (cases === 0) continue;
    rows.push(id === "" ? ["**all**", String(cases), ...cells] : [`${id} ${title}`, String(cases), ...cells]);
  }
  return rows.map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** What failed, for each application, as a Markdown list. */
export function failures(columns: readonly Column[]): string {
  const lines: string[] = [];
  for (const { name, results } of columns) {
    for (const { outcome, id, level, title, reason } of results) {
      if (outcome === "fail") lines.push(`- ${name}, ${id} (${level}): ${title}: ${reason}`);
    }
  }
  return lines.join("\n");
}
