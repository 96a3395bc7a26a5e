import { EventEmitter, once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * What the application noted about one exchange, and how often the test released what it holds back.
 *
 * A case names the exchange by an id of its own in the query (`?id=`), and asks the control listener.
 */
export class Exchange extends EventEmitter<{ change: [] }> {
  readonly events: string[] = [];
  /** Figures of the moment: bytes written, bytes buffered … */
  readonly figures: Record<string, number | boolean> = {};
  #released = 0;

  note(event: string): void {
    this.events.push(event);
    this.emit("change");
  }

  release(): void {
    this.#released++;
    this.emit("change");
  }

  /** Resolves once the test has released the exchange `count` times. */
  async released(count = 1): Promise<void> {
    while (this.#released < count) await once(this, "change");
  }

  /** Resolves once an event of that name was noted. */
  async noted(event: string, signal?: AbortSignal): Promise<void> {
    while (!this.events.includes(event)) await once(this, "change", signal ? { signal } : {});
  }
}

const exchanges = new Map<string, Exchange>();

/** Returns the exchange of that id, a new one the first time. */
export function exchangeOf(id: string): Exchange {
  const found = exchanges.get(id);
  if (found) return found;
  const exchange = new Exchange();
  exchange.setMaxListeners(0);
  exchanges.set(id, exchange);
  return exchange;
}

/** Forgets an exchange. */
export function forget(id: string): void {
  exchanges.delete(id);
}

/** Notes the events of a request, its response and its socket, in order. */
export function noteEvents(exchange: Exchange, req: IncomingMessage, res: ServerResponse): void {
  for (const event of ["aborted", "end", "close"]) req.on(event, () => exchange.note(`req ${event}`));
  req.on("error", (error: NodeJS.ErrnoException) =>
    exchange.note(`req error ${error.code ?? error.message}`),
  );
  for (const event of ["finish", "close"]) res.on(event, () => exchange.note(`res ${event}`));
  res.on("error", (error: NodeJS.ErrnoException) =>
    exchange.note(`res error ${error.code ?? error.message}`),
  );
  req.socket.once("close", () => exchange.note("socket close"));
}
