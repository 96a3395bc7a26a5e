import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { spawnPinned, stop } from "./processes.ts";

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Longer than any response takes. */
const TIMEOUT_MS = 60_000;

/** A Node.js process that obeys commands over IPC, one after the other. */
export class NodeProcess<Command> {
  readonly child: ChildProcess;
  readonly #pending: Map<number, (reply: Reply) => void> = new Map();
  #lastId = 0;

  constructor(core: number, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const whole = { ...process.env, ...env };
    // What tsx sets for the runner must not reach the servers.
    delete whole.NODE_OPTIONS;
    this.child = spawnPinned(core, process.execPath, args, ["ignore", "inherit", "inherit", "ipc"], whole);
    this.child.on("message", (reply: Reply) => {
      if (reply.id !== undefined) this.#pending.get(reply.id)?.(reply);
    });
    this.child.on("exit", (code) => {
      for (const settle of this.#pending.values()) settle({ error: `the process ended with status ${code}` });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Waits for the first message, which a process sends of its own accord. */
  async firstMessage<Message>(): Promise<Message> {
    const exited = once(this.child, "exit").then(([code]) => {
      throw new Error(`the process ended with status ${code}`);
    });
    const [message] = await Promise.race([once(this.child, "message"), exited]);
    return message as Message;
  }

  /** Sends a command and waits for its result. */
  call<Result>(command: Command): Promise<Result> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const settle = (reply: Reply): void => {
        clearTimeout(timer);
        this.#pending.delete(id);
        if (reply.error !== undefined) reject(new Error(reply.error));
        else resolve(reply.result as Result);
      };
      const timer = setTimeout(() => settle({ error: `no response to ${nameOf(command)}` }), TIMEOUT_MS);
      this.#pending.set(id, settle);
      this.child.send({ id, command });
    });
  }

  stop(): Promise<void> {
    return stop(this.child);
  }
}

function nameOf(command: unknown): string {
  return typeof command === "object" && command !== null && "kind" in command
    ? String(command.kind)
    : String(command);
}
