import type { ApplicationConnection } from "../../src/connection/application.ts";
import {
  type ApplicationHandler,
  type ApplicationLimits,
  ApplicationRequest,
} from "../../src/connection/application-request.ts";

/** Limits that a test reaches easily. */
export const limits: ApplicationLimits = {
  maxParamsLength: 1000,
  maxParamsWireLength: 4000,
  maxRequestsPerConnection: 3,
  maxEarlyStdinLength: 100,
  roles: new Set([1, 3]),
  values: new Map([
    ["FCGI_MPXS_CONNS", "1"],
    ["FCGI_MAX_REQS", "3"],
  ]),
};

/** Records the calls of a connection as text. Pieces of one stream are joined, because their number depends on the split. */
export class Recorder implements ApplicationHandler<ApplicationRequest> {
  readonly calls: string[] = [];
  readonly requests: ApplicationRequest[] = [];
  connection: ApplicationConnection<ApplicationRequest> | undefined;
  /** Ends each request when its params are complete. */
  endsAtOnce = false;

  #note(call: string): void {
    const last = this.calls.at(-1);
    const stream = /^(stdin|data) \d+: /.exec(call)?.[0];
    if (stream !== undefined && last?.startsWith(stream))
      this.calls.push(this.calls.pop() + call.slice(stream.length));
    else this.calls.push(call);
  }

  createRequest(requestId: number, role: number, keepConn: boolean): ApplicationRequest {
    const request = new ApplicationRequest(requestId, role, keepConn);
    this.requests.push(request);
    this.#note(`begin ${requestId} role ${role}${keepConn ? " keep" : ""}`);
    return request;
  }
  onRequest(request: ApplicationRequest): void {
    const params = request.isTooLarge ? "too large" : request.params.toString("latin1");
    this.#note(`request ${request.requestId}: ${params}`);
    if (this.endsAtOnce) this.connection?.requests.end(request);
  }
  onStdin(request: ApplicationRequest, chunk: Buffer): void {
    this.#note(`stdin ${request.requestId}: ${chunk.toString("latin1")}`);
  }
  onStdinEnd(request: ApplicationRequest): void {
    this.#note(`stdin end ${request.requestId}`);
  }
  onData(request: ApplicationRequest, chunk: Buffer): void {
    this.#note(`data ${request.requestId}: ${chunk.toString("latin1")}`);
  }
  onDataEnd(request: ApplicationRequest): void {
    this.#note(`data end ${request.requestId}`);
  }
  onAbort(request: ApplicationRequest): void {
    this.#note(`abort ${request.requestId}`);
    this.connection?.requests.end(request);
  }
  onReplaced(request: ApplicationRequest): void {
    this.#note(`replaced ${request.requestId}`);
  }
  onLetGo(request: ApplicationRequest): void {
    this.#note(`let go ${request.requestId}`);
  }
  onReply(bytes: Buffer, closes: boolean): void {
    this.#note(`reply ${bytes.toString("hex")}${closes ? " closes" : ""}`);
  }
}
