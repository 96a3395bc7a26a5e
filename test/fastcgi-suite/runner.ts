import { NotApplicable } from "../support/link.ts";
import { sections } from "./sections.ts";
import { Bench, type Case, type Target } from "./suite.ts";

export type Outcome = "pass" | "fail" | "n/a";

export interface Result {
  readonly id: string;
  readonly section: string;
  readonly level: Case["level"];
  readonly title: string;
  readonly outcome: Outcome;
  /** What went wrong, or why the case does not apply. */
  readonly reason?: string;
  readonly milliseconds: number;
}

export interface RunOptions {
  /** Only cases whose id is this or begins with it and a slash. */
  readonly only?: string | undefined;
  /** Called when the application no longer serves requests. The run then waits until it does. */
  readonly restart?: (() => Promise<void>) | undefined;
  readonly onResult?: ((result: Result) => void) | undefined;
  /** The time that the run waits for a restart, in milliseconds. */
  readonly patienceMs?: number | undefined;
  /** The time limit of a case, in milliseconds. */
  readonly caseTimeoutMs?: number | undefined;
}

/**
 * Runs the cases one after the other. When the application does not come back, the remaining cases fail.
 *
 * @throws Error if the application does not serve a plain request before the first case
 */
export async function run(target: Target, options: RunOptions = {}): Promise<Result[]> {
  try {
    await new Bench(target).serves();
  } catch (error) {
    throw new Error(`no application that keeps to the contract: ${(error as Error).message}`);
  }
  const results: Result[] = [];
  let isGone = false;
  for (const test of sections.flatMap((section) => section.cases)) {
    const { id, section, level, title } = test;
    const { only } = options;
    if (only !== undefined && id !== only && !id.startsWith(`${only}/`)) continue;
    const start = performance.now();
    const verdict = isGone
      ? { outcome: "fail" as const, reason: "not run" }
      : await judge(test, target, options);
    if (!isGone && verdict.broughtDown) isGone = !(await comesBack(target, options));
    const { outcome, reason } = verdict;
    const milliseconds = Math.round(performance.now() - start);
    const result = { id, section, level, title, outcome, ...(reason && { reason }), milliseconds };
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}

interface Verdict {
  readonly outcome: Outcome;
  readonly reason?: string | undefined;
  readonly broughtDown?: boolean;
}

async function judge(test: Case, target: Target, options: RunOptions): Promise<Verdict> {
  const bench = new Bench(target);
  let outcome: Outcome = "pass";
  let reason: string | undefined;
  try {
    await within(options.caseTimeoutMs ?? 20000, test.run(bench));
  } catch (error) {
    outcome = error instanceof NotApplicable ? "n/a" : "fail";
    reason = (error as Error).message;
  }
  bench.close();
  // The application must serve other connections after every case.
  try {
    await bench.serves();
    return { outcome, reason };
  } catch (error) {
    reason ??= `afterwards: ${(error as Error).message}`;
    return { outcome: "fail", reason, broughtDown: true };
  }
}

function within(milliseconds: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not done after ${milliseconds} ms`)), milliseconds);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Restarts the application, or gives a supervisor time to do so. */
async function comesBack(target: Target, options: RunOptions): Promise<boolean> {
  await options.restart?.();
  const bench = new Bench(target);
  const deadline = performance.now() + (options.patienceMs ?? 10000);
  for (;;) {
    try {
      await bench.serves();
      return true;
    } catch {
      if (performance.now() >= deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
