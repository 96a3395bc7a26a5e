import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as wire from "../support/wire.ts";
import { type Input, makeInput } from "./input.ts";
import { play } from "./round-trip.ts";
import type { FuzzedMessage, FuzzedState } from "./server.ts";

const MEGABYTE = 1_048_576;
/** The growth of heap and Buffers that is allowed after the first round, for tables and garbage. */
const MAX_GROWTH = 16 * MEGABYTE;
/** Polls of the server, 20 ms apart, until it must have released everything. */
const LOOKS = 100;
const NOTHING: FuzzedState = { heap: 0, rss: 0, buffers: 0, connections: 0, requests: 0, queued: 0 };
/** Inputs between two checks of the server. */
const ROUND = 2000;
const LANES = 24;

/** An input that broke a rule. */
export interface Finding {
  readonly seed: number;
  readonly index: number;
  readonly problem: string;
}

export interface FuzzReport {
  readonly inputs: number;
  readonly findings: readonly Finding[];
  readonly heapGrowth: number;
  readonly bufferGrowth: number;
  readonly rssGrowth: number;
  readonly seconds: number;
}

const PROBE: Input = {
  bytes: Buffer.concat([
    wire.requestHead(
      1,
      [
        ["REQUEST_METHOD", "GET"],
        ["REQUEST_URI", "/"],
      ],
      0,
    ),
    wire.requestBody(1, Buffer.alloc(0)),
  ]),
  cuts: [],
  ending: "fin",
  isValid: true,
};

/** A server in a process of its own, and what the fuzzer does to it. */
export class Fuzzer {
  #port = 0;
  #child: ChildProcess | undefined;
  #output = "";
  /** Inputs by the port that they are sent from. */
  readonly #senders: Map<number, number> = new Map();
  #problems: { readonly problem: string; readonly peerPort: number }[] = [];
  #onState: (state: FuzzedState) => void = () => {};

  async start(): Promise<void> {
    const child = fork(fileURLToPath(new URL("server.ts", import.meta.url)), [], {
      execArgv: ["--import", "tsx", "--expose-gc"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => {
        this.#output = (this.#output + String(chunk)).slice(-4000);
      });
    }
    await new Promise<void>((resolve) => {
      child.on("message", (message: FuzzedMessage) => {
        if ("problem" in message) {
          this.#problems.push(message);
        } else if ("state" in message) {
          this.#onState(message.state);
        } else {
          this.#port = message.port;
          resolve();
        }
      });
    });
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }

  /** The output of the server. The library prints nothing, so that any output is a stack trace. */
  get output(): string {
    // One notice about HTTP or TLS is expected.
    return this.#output.replace(/^serve-fastcgi: (HTTP|TLS) was sent to .*\n/m, "");
  }

  get #isAlive(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  play(input: Input, index = -1): Promise<string | undefined> {
    return play(this.#port, input, (localPort) => this.#senders.set(localPort, index));
  }

  /** Checks the idle server. Returns the problem, or undefined. */
  async checkServer(): Promise<string | undefined> {
    if (!this.#isAlive) return `the process died: ${this.#output}`;
    const problem = await this.play(PROBE);
    if (problem !== undefined) return `a plain request: ${problem}`;
    let state = await this.#state();
    for (let looks = 0; looks < LOOKS && isBusy(state); looks++) {
      await delay(20);
      state = await this.#state();
    }
    return isBusy(state) ? `the server keeps ${JSON.stringify(state)}` : undefined;
  }

  #state(): Promise<FuzzedState> {
    return new Promise((resolve) => {
      this.#onState = resolve;
      this.#child?.send("state");
    });
  }

  /** The problems reported since the last call, with the inputs of their connections. */
  #takeProblems(seed: number): Finding[] {
    const problems = this.#problems;
    this.#problems = [];
    return problems.map(({ problem, peerPort }) => ({
      seed,
      index: this.#senders.get(peerPort) ?? -1,
      problem,
    }));
  }

  /** Sends the inputs `first` to `first + count` of the seed, or as many as the time allows. */
  async run(seed: number, first: number, count: number, seconds: number): Promise<FuzzReport> {
    const startedAt = performance.now();
    const elapsed = (): number => (performance.now() - startedAt) / 1000;
    const findings: Finding[] = [];
    let index = first;
    let before: FuzzedState | undefined;
    let after = NOTHING;
    while (index < first + count && elapsed() < seconds && findings.length < 20) {
      const end = Math.min(first + count, index + ROUND);
      const begin = index;
      const lane = async (): Promise<void> => {
        while (index < end && elapsed() < seconds) {
          const number = index++;
          const problem = await this.play(makeInput(seed, number), number);
          if (problem !== undefined) findings.push({ seed, index: number, problem });
          if (!this.#isAlive) return;
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      const problem = await this.checkServer();
      findings.push(...this.#takeProblems(seed));
      this.#senders.clear();
      if (problem !== undefined) {
        findings.push({ seed, index: begin, problem: `inputs ${begin} to ${index}: ${problem}` });
        break;
      }
      after = await this.#state();
      // The first round fills tables and compiles code.
      before ??= after;
      for (const kind of ["heap", "buffers"] as const) {
        if (after[kind] - before[kind] <= MAX_GROWTH) continue;
        findings.push({
          seed,
          index: begin,
          problem: `${kind} grew from ${before[kind]} to ${after[kind]} bytes`,
        });
      }
      if (findings.length > 0) break;
    }
    return {
      inputs: index - first,
      findings,
      heapGrowth: after.heap - (before?.heap ?? 0),
      bufferGrowth: after.buffers - (before?.buffers ?? 0),
      rssGrowth: after.rss - (before?.rss ?? 0),
      seconds: elapsed(),
    };
  }
}

/** Whether the server still holds connections, requests or output. */
function isBusy({ connections, requests, queued }: FuzzedState): boolean {
  return connections > 0 || requests > 0 || queued > 0;
}
