import { EventEmitter, once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * What the application noted about one inspected request, and how often the test released what it holds back.
 *
 * A case names the inspection by an id of its own in the query (`?id=`), and asks the control listener.
 */
export class Inspection extends EventEmitter<{ change: [] }> {
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

  /** Resolves once the test has released it `count` times. */
  async released(count = 1): Promise<void> {
    while (this.#released < count) await once(this, "change");
  }

  /** Resolves once an event of that name was noted. */
  async noted(event: string, signal?: AbortSignal): Promise<void> {
    while (!this.events.includes(event)) await once(this, "change", signal ? { signal } : {});
  }
}

const inspections = new Map<string, Inspection>();

/** Returns the inspection of that id, a new one the first time. */
export function inspectionOf(id: string): Inspection {
  const found = inspections.get(id);
  if (found) return found;
  const inspection = new Inspection();
  inspection.setMaxListeners(0);
  inspections.set(id, inspection);
  return inspection;
}

/** Forgets an inspection. */
export function forget(id: string): void {
  inspections.delete(id);
}

/** Notes the events of a request, its response and its socket, in order. */
export function noteEvents(inspection: Inspection, req: IncomingMessage, res: ServerResponse): void {
  for (const event of ["aborted", "end", "close"]) req.on(event, () => inspection.note(`req ${event}`));
  req.on("error", (error: NodeJS.ErrnoException) =>
    inspection.note(`req error ${error.code ?? error.message}`),
  );
  for (const event of ["finish", "close"]) res.on(event, () => inspection.note(`res ${event}`));
  res.on("error", (error: NodeJS.ErrnoException) =>
    inspection.note(`res error ${error.code ?? error.message}`),
  );
  req.socket.once("close", () => inspection.note("socket close"));
}
