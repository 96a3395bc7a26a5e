import { debuglog, inspect } from "node:util";
import { decodeParams } from "../cgi/params.ts";
import type { FastCGIConnection } from "../fastcgi/connection.ts";
import type { FastCGIRequest } from "../fastcgi/request.ts";

const debug = debuglog("serve-fastcgi");

/** Creates a log for a server; undefined, without cost, unless `NODE_DEBUG=serve-fastcgi` is set. */
export function createConnectionLog(): ConnectionLog | undefined {
  return debug.enabled ? new ConnectionLog() : undefined;
}

/** Prints the begin and the end of connections and requests to stderr. */
export class ConnectionLog {
  readonly #numbers: WeakMap<object, number> = new WeakMap();
  readonly #starts: WeakMap<FastCGIRequest, number> = new WeakMap();
  #count = 0;

  /** A connection was accepted. */
  opened(connection: FastCGIConnection): void {
    this.#numbers.set(connection.requests, ++this.#count);
    const { remoteAddress, remotePort } = connection.socket;
    const from = remoteAddress === undefined ? "" : ` from ${remoteAddress} port ${remotePort}`;
    debug("connection %d: opened%s", this.#count, from);
  }

  /** The server has emitted `clientError`. */
  failed(error: Error): void {
    debug("clientError: %s", error.message);
  }

  /** A connection was closed. */
  closed(connection: FastCGIConnection): void {
    debug("connection %d: closed", this.#numbers.get(connection.requests));
  }

  /** The params of a request are complete. */
  begun(request: FastCGIRequest): void {
    this.#starts.set(request, performance.now());
    const params = request.isTooLarge ? {} : readParams(request.params);
    // Escaped, because they may contain control characters of a terminal.
    debug("%s: %s %s", this.#name(request), text(params.REQUEST_METHOD), text(params.REQUEST_URI));
  }

  /** The response is complete or aborted. Only the first call counts. */
  ended(request: FastCGIRequest): void {
    const start = this.#starts.get(request);
    if (!this.#starts.delete(request) || start === undefined) return;
    const time = Math.round(performance.now() - start);
    debug("%s: %s after %d ms", this.#name(request), request.isComplete ? "ended" : "aborted", time);
  }

  #name(request: FastCGIRequest): string {
    return `connection ${this.#numbers.get(request.connection)}: request ${request.requestId}`;
  }
}

function text(value: string | undefined): string {
  return value === undefined ? "?" : inspect(value);
}

/** Returns nothing for malformed params, which are reported elsewhere. */
function readParams(params: Buffer): Readonly<Record<string, string | undefined>> {
  try {
    return decodeParams(params);
  } catch {
    return {};
  }
}
