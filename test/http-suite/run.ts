import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { after, before, describe, test } from "node:test";
import { cases } from "./cases.ts";
import { differences, findDifference } from "./differences.ts";
import { type Case, type CaseContext, type RunningTarget, type Target, targetName } from "./target.ts";

/** Options of {@link runSuite}. */
export interface SuiteOptions {
  /**
   * Whether to run the cases that move 200 MB.
   *
   * @defaultValue true
   */
  readonly big?: boolean;
  /**
   * Runs only the cases that one of these selects: an id (`endings/client-gone`), the part of an id before a slash
   * (`endings`) or a tag. The environment variable `SUITE_ONLY` goes before it, with commas between the selectors.
   */
  readonly only?: readonly string[];
  /** Leaves out the cases that one of these selects. */
  readonly except?: readonly string[];
  /**
   * The time for one case; beyond it, the case fails. The environment variable `SUITE_TIMEOUT_MS` goes before it:
   * a short time finds quickly what hangs behind a web server.
   *
   * @defaultValue 10,000, or 60,000 for a case that moves 200 MB
   */
  readonly timeoutMs?: number;
}

/**
 * Registers the suite for one target: a `describe` block that starts it, runs every case and stops it.
 *
 * A case that the table of differences names for the target must fail, and whatever the entry checks instead
 * must hold. Cases run one after the other.
 *
 * @example
 * runSuite({
 *   server: "nginx",
 *   variant: "unix, keep-alive",
 *   app: "express5",
 *   tls: true,
 *   async start() {
 *     const control = await startControl();
 *     const server = serveFastCGI(createContractApp("express5"), socketPath);
 *     const nginx = await startNginx(…);
 *     return { host: "127.0.0.1", port: nginx.port, tls: …, control, close: async () => { … } };
 *   },
 * });
 */
export function runSuite(target: Target, options: SuiteOptions = {}): void {
  describe(targetName(target), () => {
    let running: RunningTarget;
    before(async () => {
      running = await target.start();
    });
    after(() => running?.close());
    for (const testCase of selectCases(target, options)) {
      const timeoutMs =
        (Number(process.env.SUITE_TIMEOUT_MS) || options.timeoutMs) ?? (testCase.big ? 60_000 : 10_000);
      test(testCase.name, () => runCase(target, running, testCase, timeoutMs));
    }
  });
}

/** Returns the cases that apply to a target and that the options select. */
export function selectCases(target: Target, options: SuiteOptions = {}): readonly Case[] {
  const only = process.env.SUITE_ONLY?.split(",") ?? options.only;
  const { except = [] } = options;
  for (const selector of [...(only ?? []), ...except]) {
    assert.ok(
      cases.some((testCase) => isSelected(testCase, [selector])),
      `${selector} selects no case`,
    );
  }
  return cases.filter(
    (testCase) =>
      (only === undefined || isSelected(testCase, only)) &&
      !isSelected(testCase, except) &&
      (testCase.apps === undefined || testCase.apps.includes(target.app)) &&
      !(testCase.fastcgiOnly && target.server === "node:http") &&
      !(testCase.tls && !target.tls) &&
      !(testCase.big && options.big === false),
  );
}

function isSelected({ id, tags = [] }: Case, selectors: readonly string[]): boolean {
  return selectors.some(
    (selector) => id === selector || id.startsWith(`${selector}/`) || tags.some((tag) => tag === selector),
  );
}

async function runCase(target: Target, running: RunningTarget, testCase: Case, timeoutMs: number) {
  const difference = findDifference(target, testCase);
  // An expected failure may hang until its time limit: 3 s are enough.
  const context = (): CaseContext => {
    const signal = AbortSignal.timeout(difference ? Math.min(timeoutMs, 3000) : timeoutMs);
    // Each connection of a case adds a listener.
    setMaxListeners(0, signal);
    return { ...running, server: target.server, app: target.app, signal };
  };
  if (!difference) return await testCase.run(context());
  let failed = false;
  await testCase.run(context()).catch(() => {
    failed = true;
  });
  if (!failed && !difference.sometimes) {
    assert.fail(`passes: remove its entry for ${targetName(target)} from differences.ts`);
  }
  if (failed) await difference.check?.(context());
}

/** Fails for cases that share an id or a name, and for entries of the table that refer to no case. */
export function checkDifferences(): void {
  const ids = new Set(cases.map(({ id }) => id));
  assert.equal(ids.size, cases.length, "two cases have the same id");
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length, "two cases have the same name");
  for (const entry of differences) assert.ok(ids.has(entry.case), `no case has the id ${entry.case}`);
}
