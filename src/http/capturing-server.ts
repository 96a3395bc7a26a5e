import { captureRejectionSymbol, EventEmitter } from "node:events";
import { type IncomingMessage, Server, type ServerOptions, type ServerResponse } from "node:http";
import { failRequest } from "./request-failure.ts";

/**
 * An `http.Server` that fails a request if a `request` listener returns a promise that is rejected.
 *
 * Uses `captureRejections` of EventEmitter, which does not wrap listeners: `listeners()` and `rawListeners()` return
 * them as they were added, and `emit()` only looks at what they return.
 */
export class CapturingServer extends Server {
  constructor(options: ServerOptions) {
    // http.Server does not pass the option to EventEmitter, so the default for new emitters is changed meanwhile.
    const { captureRejections } = EventEmitter;
    EventEmitter.captureRejections = true;
    try {
      super(options);
    } finally {
      EventEmitter.captureRejections = captureRejections;
    }
  }
}

/** Called by `emit()` when the promise that a listener returned is rejected. */
function onRejection(this: Server, error: unknown, event: string, ...args: unknown[]): void {
  if (event === "request") {
    failRequest(this, error, args[0] as IncomingMessage, args[1] as ServerResponse);
  } else {
    // Becomes an `unhandledRejection`, as with an emitter that does not capture rejections.
    void Promise.reject(error);
  }
}

// Not a method, because isolatedDeclarations cannot declare methods with computed names.
Object.defineProperty(CapturingServer.prototype, captureRejectionSymbol, {
  configurable: true,
  writable: true,
  value: onRejection,
});
