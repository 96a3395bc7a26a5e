import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Turns of the event loop within which the requests of a closed connection must close. */
const TURNS = 10;

interface Account {
  /** Messages that have not emitted `close`. */
  open: number;
}

/** Counts what each connection makes the fuzzed server keep, and reports what remains after its end. */
export class Accounts {
  readonly #maxQueued: number;
  readonly #onProblem: (problem: string, peerPort: number) => void;
  readonly #sockets: Map<Socket, Account> = new Map();
  #current: Account = { open: 0 };
  #open = 0;

  /** @param maxQueued bytes that one connection may have waiting */
  constructor(maxQueued: number, onProblem: (problem: string, peerPort: number) => void) {
    this.#maxQueued = maxQueued;
    this.#onProblem = onProblem;
  }

  get connections(): number {
    return this.#sockets.size;
  }
  get requests(): number {
    return this.#open;
  }
  get queued(): number {
    return [...this.#sockets.keys()].reduce((sum, socket) => sum + socket.writableLength, 0);
  }

  /** Must be called before the server sees the connection, so that requests are assigned to it. */
  open(socket: Socket): void {
    const account: Account = { open: 0 };
    const peerPort = socket.remotePort ?? 0;
    this.#sockets.set(socket, account);
    socket.on("data", () => {
      this.#current = account;
      const { writableLength } = socket;
      if (writableLength > this.#maxQueued) this.#onProblem(`${writableLength} bytes wait`, peerPort);
    });
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#check(account, peerPort, TURNS);
    });
  }

  #check(account: Account, peerPort: number, turns: number): void {
    if (account.open === 0) return;
    if (turns > 0) setImmediate(() => this.#check(account, peerPort, turns - 1));
    else this.#onProblem(`${account.open} messages of a closed connection did not close`, peerPort);
  }

  add(req: IncomingMessage, res: ServerResponse): void {
    const account = this.#current;
    for (const message of [req, res]) {
      account.open++;
      this.#open++;
      message.on("close", () => {
        account.open--;
        this.#open--;
      });
    }
  }
}
