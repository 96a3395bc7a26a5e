import type { RequestConsumer, RequestTransport } from "../http/request-transport.ts";

/**
 * Holds a request back until the first byte of its body, or its end: without a length, nothing else tells whether there
 * is a body.
 */
export class DeferredRequest implements RequestConsumer {
  readonly #transport: RequestTransport;
  readonly #start: (hasBody: boolean) => void;

  /** @param start passes the request on: afterwards it has another consumer */
  constructor(transport: RequestTransport, start: (hasBody: boolean) => void) {
    this.#transport = transport;
    this.#start = start;
  }

  onStdin(chunk: Buffer): void {
    this.#start(true);
    this.#transport.consumer?.onStdin(chunk);
  }

  onStdinEnd(): void {
    this.#start(false);
    this.#transport.consumer?.onStdinEnd();
  }

  // No application has seen the request yet.
  onFlushed(): void {}
  onDrain(): void {}
  /** Makes sure that no application sees an aborted request, although its STDIN may still arrive. */
  onAbort(): void {
    this.#transport.consumer = undefined;
  }
}
