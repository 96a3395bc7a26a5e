/** The load generator: a process that the runner commands over IPC. */
import { Lane, type LaneOwner } from "./lane.ts";
import type { LoadCommand, LoadResult, LoadTarget } from "./messages.ts";
import { probe } from "./probe.ts";

/** Latencies that are kept: more than any round makes. */
const LATENCIES_LENGTH = 1_000_000;

class Load implements LaneOwner {
  readonly #latencies: Float32Array = new Float32Array(LATENCIES_LENGTH);
  #lanes: Lane[] = [];
  #requests = 0;
  #errors = 0;
  #firstError = "";
  #content = 0;
  /** Length of the first response: all others must have it. */
  #expected = -1;
  #inFlight = 0;
  #toSend = 0;
  #deadline = 0;
  #onIdle: (() => void) | undefined;

  /** Opens the connections, some at a time, so that no listen queue overflows. */
  async open(target: LoadTarget): Promise<void> {
    this.#expected = -1;
    this.#lanes = Array.from({ length: target.connections }, () => new Lane(target, this));
    if (!target.keep) return;
    for (let start = 0; start < this.#lanes.length; start += 100) {
      const group = this.#lanes.slice(start, start + 100);
      await Promise.all(group.map((lane) => lane.open()));
    }
  }

  /** Sends requests on all connections for a time, or until there were enough. */
  async run(milliseconds: number, requests: number): Promise<LoadResult> {
    this.#requests = 0;
    this.#errors = 0;
    this.#content = 0;
    this.#toSend = requests;
    const start = performance.now();
    this.#deadline = start + milliseconds;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    for (const lane of this.#lanes) this.#next(lane);
    if (this.#inFlight === 0) throw new Error("no request to send");
    await idle;
    return this.#result((performance.now() - start) / 1000);
  }

  /** Sends one request on each connection and does not wait for the responses. */
  send(): void {
    this.#toSend = 0;
    for (const lane of this.#lanes) lane.send();
  }

  /** Counts the bytes of unfinished responses for a time. */
  async listen(milliseconds: number): Promise<LoadResult> {
    const before = this.#contentOfLanes();
    const start = performance.now();
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    this.#content = this.#contentOfLanes() - before;
    this.#requests = 0;
    return this.#result((performance.now() - start) / 1000);
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
    this.#lanes = [];
    this.#inFlight = 0;
  }

  onResponse(lane: Lane, content: number, startedAt: number): void {
    if (this.#requests < LATENCIES_LENGTH) {
      this.#latencies[this.#requests] = (performance.now() - startedAt) * 1000;
    }
    this.#requests++;
    this.#content += content;
    if (this.#expected < 0) this.#expected = content;
    else if (content !== this.#expected) this.#fail(`${content} bytes instead of ${this.#expected}`);
    this.#done(lane);
  }

  onFailure(lane: Lane, reason: string): void {
    this.#fail(reason);
    this.#done(lane);
  }

  #next(lane: Lane): void {
    if (this.#toSend <= 0 || performance.now() >= this.#deadline) return;
    this.#toSend--;
    this.#inFlight++;
    lane.send();
  }

  #done(lane: Lane): void {
    this.#inFlight--;
    // A server that refuses everything must not keep the loop busy.
    if (this.#errors < 1000) this.#next(lane);
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  #fail(reason: string): void {
    if (this.#errors === 0) this.#firstError = reason;
    this.#errors++;
  }

  #contentOfLanes(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.content, 0);
  }

  #result(seconds: number): LoadResult {
    const latencies = this.#latencies.subarray(0, Math.min(this.#requests, LATENCIES_LENGTH)).sort();
    const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
    return {
      requests: this.#requests,
      errors: this.#errors,
      seconds,
      content: this.#content,
      p50Micros: at(0.5),
      p99Micros: at(0.99),
      firstError: this.#firstError,
    };
  }
}

const load = new Load();

async function obey(command: LoadCommand): Promise<unknown> {
  switch (command.kind) {
    case "open":
      return load.open(command.target);
    case "probe":
      return probe(command.target);
    case "run":
      return load.run(command.milliseconds, command.requests);
    case "send":
      return load.send();
    case "listen":
      return load.listen(command.milliseconds);
    case "close":
      return load.close();
    default:
      return command satisfies never;
  }
}

process.on("message", (message: { id: number; command: LoadCommand }) => {
  obey(message.command).then(
    (result) => process.send?.({ id: message.id, result }),
    (error: Error) => process.send?.({ id: message.id, error: error.stack ?? String(error) }),
  );
});
// The runner is gone: nobody would stop this process.
process.on("disconnect", () => process.exit());
