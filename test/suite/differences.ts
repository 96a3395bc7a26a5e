import type { AppName, Case, CaseContext, FrontEnd, Target } from "./target.ts";

/** One case that a front end itself decides otherwise. */
export interface Difference {
  readonly frontEnd: FrontEnd;
  /** Only for targets whose variant contains this text. */
  readonly variant?: string;
  /** Only for these applications. */
  readonly apps?: readonly AppName[];
  /** The name of the case. */
  readonly case: string;
  /** What happens instead, in a few words, for the table in the README. */
  readonly expect: string;
  /** Why it is the front end's doing, and the way out if there is one. */
  readonly reason: string;
  /** Both outcomes are seen, for instance because the front end picks one of two fields at random. */
  readonly sometimes?: true;
  /** Asserts what happens instead. Without it, the case only has to fail. */
  check?(t: CaseContext): Promise<void>;
}

/** Everything that may differ; a case that differs without an entry fails, and so does an entry without effect. */
export const differences: readonly Difference[] = [];

/** Finds the entry for a case behind a target. */
export function findDifference(target: Target, testCase: Case): Difference | undefined {
  return differences.find(
    (entry) =>
      entry.frontEnd === target.frontEnd &&
      entry.case === testCase.name &&
      (entry.variant === undefined || (target.variant ?? "").includes(entry.variant)) &&
      (entry.apps === undefined || entry.apps.includes(target.app)),
  );
}

/** Renders the table as markdown, for the README. */
export function renderDifferences(entries: readonly Difference[] = differences): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const rows = entries.map((entry) => {
    const frontEnd = entry.variant ? `${entry.frontEnd}, ${entry.variant}` : entry.frontEnd;
    const expect = entry.sometimes ? `${entry.expect} (at times)` : entry.expect;
    return `| ${[frontEnd, entry.case, expect, entry.reason].map(cell).join(" | ")} |`;
  });
  return ["| Front end | The suite expects | Instead | Reason |", "| --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
}
