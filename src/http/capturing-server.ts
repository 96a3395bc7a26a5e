import { captureRejectionSymbol, EventEmitter } from "node:events";
import { type IncomingMessage, Server, type ServerOptions, type ServerResponse } from "node:http";
import { failRequest } from "./request-failure.ts";

/**
 * An `http.Server` that hears of the promises that its `request` listeners reject.
 *
 * That is `captureRejections` of EventEmitter: listeners are called as they are, not wrapped, so that `listeners()`
 * and `rawListeners()` hold what was given, and `emit()` looks at nothing but what they return.
 */
export class CapturingServer extends Server {
  constructor(options: ServerOptions) {
    // http.Server does not pass the option on to EventEmitter; the default for new emitters reaches it.
    const { captureRejections } = EventEmitter;
    EventEmitter.captureRejections = true;
    try {
      super(options);
    } finally {
      EventEmitter.captureRejections = captureRejections;
    }
  }
}

/** Is called by `emit()` when the promise that a listener returned is rejected. */
function onRejection(this: Server, error: unknown, event: string, ...args: unknown[]): void {
  if (event === "request") {
    failRequest(this, error, args[0] as IncomingMessage, args[1] as ServerResponse);
  } else {
    // As of an emitter that does not capture: `unhandledRejection`.
    void Promise.reject(error);
  }
}

// A method of this name has no declaration that isolatedDeclarations can write.
Object.defineProperty(CapturingServer.prototype, captureRejectionSymbol, {
  configurable: true,
  writable: true,
  value: onRejection,
});
