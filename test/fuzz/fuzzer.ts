import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import * as wire from "../conformance/wire.ts";
import { play } from "./exchange.ts";
import { type Input, makeInput } from "./input.ts";
import type { FuzzedState } from "./server.ts";

const MEGABYTE = 1_048_576;
/** How much the server may grow. */
const MAX_GROWTH = 64 * MEGABYTE;
/** Inputs between two looks at the server. */
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
  readonly rssGrowth: number;
  readonly seconds: number;
}

const PROBE: Input = {
  bytes: Buffer.concat([
    wire.begin(1),
    wire.record(
      wire.PARAMS,
      1,
      wire.pairs([
        ["REQUEST_METHOD", "GET"],
        ["REQUEST_URI", "/"],
      ]),
    ),
    wire.record(wire.PARAMS, 1),
    wire.record(wire.STDIN, 1),
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
    [this.#port] = (await once(child, "message")) as [number];
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }

  /** What the server printed: the library prints nothing, so a word is a stack trace. */
  get output(): string {
    // Bytes that look like HTTP or TLS are told of once.
    return this.#output.replace(/^serve-fastcgi: (HTTP|TLS) was sent to .*\n/m, "");
  }

  get #isAlive(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  play(input: Input): Promise<string | undefined> {
    return play(this.#port, input);
  }

  /** Says what is wrong with the server, which has nothing to do at the moment. */
  async checkServer(): Promise<string | undefined> {
    if (!this.#isAlive) return `the process died: ${this.#output}`;
    const problem = await this.play(PROBE);
    return problem === undefined ? undefined : `a plain request: ${problem}`;
  }

  async #state(): Promise<FuzzedState> {
    this.#child?.send("state");
    const [state] = await once(this.#child!, "message");
    return state as FuzzedState;
  }

  /** Sends the inputs `first` to `first + count` of the seed, or as many as the time allows. */
  async run(seed: number, first: number, count: number, seconds: number): Promise<FuzzReport> {
    const startedAt = performance.now();
    const elapsed = (): number => (performance.now() - startedAt) / 1000;
    const findings: Finding[] = [];
    let index = first;
    let before: FuzzedState | undefined;
    let after: FuzzedState = { heap: 0, rss: 0, connections: 0 };
    while (index < first + count && elapsed() < seconds && findings.length < 20) {
      const end = Math.min(first + count, index + ROUND);
      const begin = index;
      const lane = async (): Promise<void> => {
        while (index < end && elapsed() < seconds) {
          const number = index++;
          const problem = await this.play(makeInput(seed, number));
          if (problem !== undefined) findings.push({ seed, index: number, problem });
          if (!this.#isAlive) return;
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      const problem = await this.checkServer();
      if (problem !== undefined) {
        findings.push({ seed, index: begin, problem: `inputs ${begin} to ${index}: ${problem}` });
        break;
      }
      after = await this.#state();
      // The first round fills tables and compiles code.
      before ??= after;
      if (after.heap - before.heap > MAX_GROWTH) {
        findings.push({ seed, index: begin, problem: `the heap grew to ${after.heap} bytes` });
        break;
      }
    }
    return {
      inputs: index - first,
      findings,
      heapGrowth: after.heap - (before?.heap ?? 0),
      rssGrowth: after.rss - (before?.rss ?? 0),
      seconds: elapsed(),
    };
  }
}
