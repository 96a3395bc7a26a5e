import type { RequestConsumer, RequestTransport } from "../http/request-transport.ts";

/**
 * Holds a request back until the first of its body: only that tells whether there is one, where the web server
 * gives no length.
 */
export class DeferredRequest implements RequestConsumer {
  readonly #transport: RequestTransport;
  readonly #start: (hasBody: boolean) => void;

  /** @param start makes another consumer take over */
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

  // Nobody has seen the request yet: there is nobody to tell.
  onFlushed(): void {}
  onDrain(): void {}
  /** Nobody will see it any more either, should its STDIN come after all. */
  onAbort(): void {
    this.#transport.consumer = undefined;
  }
}
