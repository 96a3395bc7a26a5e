import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Readable, Writable } from "node:stream";
import type { CGIRole } from "../cgi/cgi-request.ts";
import type { Params } from "../cgi/params.ts";
import { PLAIN_TEXT } from "../http/plain-text.ts";
import type { AllowOptions, AuthorizerContext, CGIContext } from "./cgi-context.ts";
import { RawRequest, socketOf } from "./raw-request.ts";
import { type CGIBody, checkStatus, isBody, type SendOptions, sendBody } from "./send-body.ts";

/** The context of one call of a CGI function. */
export class FunctionContext implements CGIContext {
  readonly env: Record<string, string | undefined>;
  readonly argv: string[] = process.argv.slice(0, 2);
  /** Reports output that is not a response, and errors after the response. */
  protected readonly fail: (error: Error) => void;
  readonly #request: RawRequest;
  readonly #res: ServerResponse;
  #exitCode: number | undefined = undefined;
  #isStdoutUsed = false;
  #isSent = false;
  #isOver = false;

  constructor(req: IncomingMessage, res: ServerResponse, fail: (error: Error) => void) {
    this.fail = fail;
    this.#res = res;
    this.#request = new RawRequest(req, res, (error) => {
      // Writes after exit() are dropped, not reported.
      if (!(this.#isOver && "code" in error && error.code === "ERR_STREAM_WRITE_AFTER_END")) fail(error);
    });
    this.env = { ...this.#request.params };
  }

  get exitCode(): number | undefined {
    return this.#exitCode;
  }
  set exitCode(code: number | undefined) {
    this.#exitCode = code;
    const socket = socketOf(this.stdin);
    if (socket !== undefined) socket.appStatus = code ?? 0;
  }

  get role(): CGIRole {
    return this.#request.role;
  }
  get params(): Params {
    return this.#request.params;
  }
  get stdin(): IncomingMessage {
    return this.#request.stdin;
  }
  get data(): Readable {
    return this.#request.data;
  }
  get stdout(): Writable {
    this.#isStdoutUsed = true;
    return this.#request.stdout;
  }
  get stderr(): Writable {
    return this.#request.stderr;
  }
  get signal(): AbortSignal {
    return this.#request.signal;
  }

  readonly send = (body?: CGIBody, options: SendOptions = {}): Promise<void> => {
    this.checkStatus(options.status ?? (body instanceof Response ? body.status : 200));
    return this.sendChecked(body, options);
  };

  /** Checks the status that `send()` was called with. */
  protected checkStatus(status: unknown): void {
    checkStatus(status, 200);
  }

  /** Sends a response whose status has been checked. */
  protected sendChecked(body: CGIBody, options: SendOptions): Promise<void> {
    if (this.hasResponse) {
      throw new Error("the response has begun already: call send() once, and do not write to stdout");
    }
    this.#isSent = true;
    const sent = sendBody(this.#res, body, options);
    // Reports the error also if the caller ignores the promise.
    sent.catch(this.fail);
    return sent;
  }

  readonly exit = (code?: number): void => {
    if (code !== undefined) this.exitCode = code;
    this.endOutput();
    this.#isOver = true;
  };

  /** Whether something was written or sent. */
  get hasResponse(): boolean {
    return this.#isSent || (this.#isStdoutUsed && this.#request.stdout.isUsed);
  }

  /** Ends a response that was written to `stdout`. One that was sent ends by itself. */
  endOutput(): void {
    if (this.#isSent || this.#isOver) return;
    if (!this.#request.stdout.writableEnded) this.#request.stdout.end();
  }

  /** Finishes the response with what the function returned: a body is sent, unless the function has responded. */
  finish(value: unknown): void {
    if (isBody(value) && !this.hasResponse && !this.#isOver) {
      this.send(value).catch(() => {});
    } else {
      this.endOutput();
    }
  }
}

/** The context of one call of a function in the Authorizer role. */
export class AuthorizerFunctionContext extends FunctionContext implements AuthorizerContext {
  readonly allow = ({ variables = {} }: AllowOptions = {}): Promise<void> => {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(variables)) headers[`Variable-${name}`] = value;
    return this.sendChecked(undefined, { headers });
  };

  readonly deny = (status = 403, body?: CGIBody, options: SendOptions = {}): Promise<void> => {
    if (body !== undefined) return this.send(body, { ...options, status });
    this.checkStatus(status);
    const type = PLAIN_TEXT;
    return this.sendChecked(`${STATUS_CODES[status] ?? status}\n`, { type, ...options, status });
  };

  /** Fails the request as well, so that it is denied even if the function catches the exception. */
  protected override checkStatus(status: unknown): void {
    try {
      checkStatus(status, 300);
    } catch (error) {
      this.fail(error as Error);
      throw error;
    }
  }

  /** Does not send a body that was returned: its status of 200 would let the request pass. */
  override finish(): void {
    this.endOutput();
  }
}
