/** Shared by the fuzzers of client and gateway: plays sessions concurrently and checks for leaks after each round. */
import { collectGarbage } from "../support/memory.ts";

const MEBIBYTE = 1_048_576;
/** How much the heap may grow over the first round, garbage apart. */
const MAX_GROWTH = 32 * MEBIBYTE;
const ROUND = 1000;

/** Plays the session with this number. Returns the problem, or undefined. */
export type Session = (index: number) => Promise<string | undefined>;

export interface SessionFinding {
  readonly index: number;
  readonly problem: string;
}

export interface SessionReport {
  readonly inputs: number;
  readonly findings: readonly SessionFinding[];
  readonly heapGrowth: number;
  readonly seconds: number;
}

/** Counts the open handles of the process by kind. */
function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/**
 * Plays sessions on several lanes at once, from number `first` on. After each round the heap and the sockets of
 * the process must be where they were after the first.
 *
 * @param lanes one session each at a time
 * @param settle is called after each round, to close what is kept on purpose; what is wrong, or undefined
 */
export async function playSessions(
  lanes: readonly Session[],
  first: number,
  count: number,
  seconds: number,
  settle: () => Promise<string | undefined> = async () => undefined,
): Promise<SessionReport> {
  const startedAt = performance.now();
  const elapsed = (): number => (performance.now() - startedAt) / 1000;
  const findings: SessionFinding[] = [];
  let index = first;
  const onException = (error: unknown): void => {
    if (findings.length >= 20) return;
    const text = error instanceof Error ? error.stack : String(error);
    findings.push({ index, problem: `near this number, an exception that nobody caught: ${text}` });
  };
  process.on("uncaughtException", onException);
  process.on("unhandledRejection", onException);
  let before: { heap: number; handles: Map<string, number> } | undefined;
  let heap = 0;
  try {
    while (index < first + count && elapsed() < seconds && findings.length < 20) {
      const end = Math.min(first + count, index + ROUND);
      const begin = index;
      await Promise.all(
        lanes.map(async (session) => {
          while (index < end && elapsed() < seconds) {
            const number = index++;
            const problem = await session(number);
            if (problem !== undefined) findings.push({ index: number, problem });
          }
        }),
      );
      const unsettled = await settle();
      if (unsettled !== undefined) findings.push({ index: begin, problem: unsettled });
      // Handles close one turn after their sockets.
      for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
      heap = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
      const handles = resources();
      before ??= { heap, handles };
      if (heap - before.heap > MAX_GROWTH) {
        findings.push({ index: begin, problem: `the heap grew by ${heap - before.heap} bytes` });
        break;
      }
      for (const kind of ["PipeWrap", "TCPSocketWrap", "PipeServerWrap", "TCPServerWrap"]) {
        const now = handles.get(kind) ?? 0;
        const then = before.handles.get(kind) ?? 0;
        if (now > then) findings.push({ index: begin, problem: `${now} handles ${kind}, ${then} before` });
      }
    }
  } finally {
    process.off("uncaughtException", onException);
    process.off("unhandledRejection", onException);
  }
  return { inputs: index - first, findings, heapGrowth: heap - (before?.heap ?? 0), seconds: elapsed() };
}
