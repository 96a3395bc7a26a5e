import { cases } from "./cases.ts";
import type { AppName, Case, CaseContext, ServerName, Target } from "./target.ts";
import { webServerDifferences } from "./web-server-differences.ts";

/** One case that a web server itself decides otherwise. */
export interface Difference {
  readonly server: ServerName;
  /** Only for targets whose variant contains this text. */
  readonly variant?: string;
  /** Only for these applications. */
  readonly apps?: readonly AppName[];
  /** The id of the case. */
  readonly case: string;
  /** What happens instead, in a few words, for the table in docs/web-servers.md. */
  readonly expect: string;
  /** Why it is the web server's doing, and the way out if there is one. */
  readonly reason: string;
  /** Both outcomes are seen, for instance because the web server picks one of two fields at random. */
  readonly sometimes?: true;
  /** Asserts what happens instead. Without it, the case only has to fail. */
  check?(t: CaseContext): Promise<void>;
}

/** All known differences. A case that differs without an entry fails, and so does an entry whose case passes. */
export const differences: readonly Difference[] = webServerDifferences;

/** Finds the entry for a case behind a target. */
export function findDifference(target: Target, testCase: Case): Difference | undefined {
  return differences.find(
    (entry) =>
      entry.server === target.server &&
      entry.case === testCase.id &&
      (entry.variant === undefined || (target.variant ?? "").includes(entry.variant)) &&
      (entry.apps === undefined || entry.apps.includes(target.app)),
  );
}

/** Renders the table of docs/web-servers.md: a row for each reason. */
export function renderDifferences(entries: readonly Difference[] = differences): string {
  const names = new Map(cases.map(({ id, name }) => [id, name]));
  const rows = new Map<string, string[]>();
  for (const entry of entries) {
    const server = entry.variant ? `${entry.server} (${entry.variant})` : entry.server;
    const expect = entry.sometimes ? `${entry.expect}, at times` : entry.expect;
    const key = [server, expect, entry.reason].map((text) => text.replaceAll("|", "\\|")).join(" | ");
    rows.set(key, [...(rows.get(key) ?? []), (names.get(entry.case) ?? entry.case).replaceAll("|", "\\|")]);
  }
  const lines = [...rows].map(([key, names]) => {
    const [server, ...rest] = key.split(" | ");
    return `| ${[server, names.join("; "), ...rest].join(" | ")} |`;
  });
  return [
    "| Web server | The suite expects | Instead | Reason |",
    "| --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}
