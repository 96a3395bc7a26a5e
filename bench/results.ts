/** The result of one round of one server. */
export interface Round {
  /** The measured value in the unit of the case. Lower is better. */
  readonly value: number;
  /** Requests, megabytes or events per second. */
  readonly perSecond: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  /** Maximum RSS during the round. */
  readonly peakBytes?: number;
  /** Growth of the heap and of buffers, per connection or request. */
  readonly usedBytes?: number;
  /** CPU time per request of the web server in front. */
  readonly frontMicros?: number;
}

/** The medians of one server's rounds. */
export interface Measurement extends Round {
  readonly name: string;
  /** The lowest value of a round. Not stored in results.json. */
  readonly lowest?: number;
  /** Not stored in results.json. */
  readonly rounds?: readonly Round[];
}

/** The result of one case. */
export interface CaseResult {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly measurements: readonly Measurement[];
  /** Why there are no measurements. */
  readonly skipped?: string;
}

/** A whole run, as stored in results.json. */
export interface BenchResults {
  readonly date: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly method: Readonly<Record<string, string | number | boolean>>;
  readonly cases: readonly CaseResult[];
}

/** Returns the median. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** Returns our value divided by that of node:http in the same case. Below 1, we cost less. */
export function ratio(
  result: CaseResult,
  read: (measurement: Measurement) => number = ({ value }) => value,
): number | undefined {
  const ours = result.measurements.find(({ name }) => name === "serve-fastcgi");
  const theirs = result.measurements.find(({ name }) => name === "node:http");
  return ours === undefined || theirs === undefined ? undefined : read(ours) / read(theirs);
}
