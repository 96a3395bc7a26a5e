import { floor, pair, peers } from "./contenders.ts";
import { type Bench, measureRequests, type RequestCase } from "./measure.ts";
import { BROWSER_FIELDS, SIX_FIELDS, SIXTY_FIELDS } from "./requests.ts";
import type { CaseResult } from "./results.ts";

/** Something to measure. */
export interface BenchCase {
  readonly id: string;
  readonly title: string;
  /** Whether it is left out of the quick run. */
  readonly isLong?: boolean;
  run(bench: Bench): Promise<CaseResult>;
}

const requests = (benchCase: RequestCase, isLong = false): BenchCase => ({
  id: benchCase.id,
  title: benchCase.title,
  isLong,
  run: (bench) => measureRequests(bench, benchCase),
});

const everybody = [floor, ...pair, ...peers];
const browser = { fields: BROWSER_FIELDS };
const small = { fields: SIX_FIELDS };
const hello = { application: "hello" };

const helloCases: BenchCase[] = [
  requests({
    ...hello,
    id: "hello/kept",
    title: "Hello world, a browser's 20 header fields, kept connections",
    request: browser,
    contenders: [floor, ...pair],
  }),
  requests({
    ...hello,
    id: "hello/new",
    title: "Hello world, a browser's 20 header fields, one connection per request",
    request: browser,
    keep: false,
    contenders: [floor, ...pair],
  }),
];

const peerCases: BenchCase[] = [
  requests(
    {
      ...hello,
      id: "peers/kept",
      title: "Hello world, 6 header fields, kept connections",
      request: small,
      contenders: everybody,
    },
    true,
  ),
  requests(
    {
      ...hello,
      id: "peers/new",
      title: "Hello world, 6 header fields, one connection per request",
      request: small,
      keep: false,
      contenders: everybody,
    },
    true,
  ),
];

const variants: BenchCase[] = [
  requests({ ...hello, id: "fields/6", title: "Hello world, 6 header fields", request: small }),
  requests({
    ...hello,
    id: "fields/60",
    title: "Hello world, 60 header fields",
    request: { fields: SIXTY_FIELDS },
  }),
];

/** Everything, in the order of the table. */
export const cases: readonly BenchCase[] = [...helloCases, ...variants, ...peerCases];
