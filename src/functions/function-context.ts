import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Readable, Writable } from "node:stream";
import type { CGIRequest, CGIRole } from "../cgi/cgi-request.ts";
import type { Params } from "../cgi/params.ts";
import { RawRequest, socketOf } from "./raw-request.ts";
import { type CGIBody, checkStatus, isBody, type SendOptions, sendBody } from "./send-body.ts";

/**
 * What a CGI function receives: the shape of `process` as a CGI program sees it, and ways to answer.
 *
 * All members can be taken out by destructuring.
 */
export class CGIContext implements CGIRequest {
  /** The meta-variables, as `process.env` holds them in a CGI program: those of the request only. */
  readonly env: Record<string, string | undefined>;
  /** As `process.argv`: the runtime and the program. */
  readonly argv: string[] = process.argv.slice(0, 2);
  /** Tells of output that is no answer, and of errors after the answer. */
  protected readonly fail: (error: Error) => void;
  readonly #request: RawRequest;
  readonly #res: ServerResponse;
  #exitCode: number | undefined = undefined;
  #isStdoutAsked = false;
  #isSent = false;
  #isOver = false;

  constructor(req: IncomingMessage, res: ServerResponse, fail: (error: Error) => void) {
    this.fail = fail;
    this.#res = res;
    this.#request = new RawRequest(req, res, (error) => {
      // After exit() a program has no say any more.
      if (!(this.#isOver && "code" in error && error.code === "ERR_STREAM_WRITE_AFTER_END")) fail(error);
    });
    this.env = { ...this.#request.params };
  }

  /** The exit status of the request (`appStatus`); over plain CGI that of the process. */
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
    this.#isStdoutAsked = true;
    return this.#request.stdout;
  }
  get stderr(): Writable {
    return this.#request.stderr;
  }
  get signal(): AbortSignal {
    return this.#request.signal;
  }

  /**
   * Sends a complete answer: a string, bytes, a stream, an async iterable, a web `Response`, or any other object
   * as JSON. Resolves when it is handed over.
   *
   * @throws Error if the answer has begun already; TypeError if the status is no integer from 200 to 599
   */
  readonly send = (body?: CGIBody, options: SendOptions = {}): Promise<void> => {
    this.checkSent(options.status ?? (body instanceof Response ? body.status : 200));
    return this.sendAny(body, options);
  };

  /** Whether a status may be sent by `send()`. */
  protected checkSent(status: unknown): void {
    checkStatus(status, 200);
  }

  /** Sends an answer whose status has been checked. */
  protected sendAny(body: CGIBody, options: SendOptions): Promise<void> {
    if (this.hasAnswer)
      throw new Error("the answer has begun already: send() is to be called once, and alone");
    this.#isSent = true;
    const sent = sendBody(this.#res, body, options);
    // Who does not wait for it hears of a failure all the same.
    sent.catch(this.fail);
    return sent;
  }

  /** Ends the answer, as `process.exit()` ends a program; but it returns, and what is written later is dropped. */
  readonly exit = (code?: number): void => {
    if (code !== undefined) this.exitCode = code;
    this.endOutput();
    this.#isOver = true;
  };

  /** Whether something was written, or sent. */
  get hasAnswer(): boolean {
    return this.#isSent || (this.#isStdoutAsked && this.#request.stdout.isUsed);
  }

  /** Ends the answer that was written to `stdout`; one that was sent ends by itself. */
  endOutput(): void {
    if (this.#isSent || this.#isOver) return;
    if (!this.#request.stdout.writableEnded) this.#request.stdout.end();
  }

  /** Takes what a function returned: a body is sent, unless the function has answered itself. */
  finish(value: unknown): void {
    if (isBody(value) && !this.hasAnswer && !this.#isOver) {
      this.send(value).catch(() => {});
    } else {
      this.endOutput();
    }
  }
}

/** What {@link AuthorizerContext.allow} adds. */
export interface AllowOptions {
  /** Variables that the web server adds to the request: each goes out as a `Variable-*` field. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
}

/** What an Authorizer receives. Nothing but `allow()`, or a 200 written to `stdout`, lets a request pass. */
export class AuthorizerContext extends CGIContext {
  /**
   * Lets the request pass.
   *
   * @see FastCGI 1.0, section 6.3
   */
  readonly allow = ({ variables = {} }: AllowOptions = {}): Promise<void> => {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(variables)) headers[`Variable-${name}`] = value;
    return this.sendAny(undefined, { headers });
  };

  /**
   * Refuses the request: the web server gives this answer to the browser.
   *
   * @param status an integer from 300 to 599; it stands in for that of a `Response`
   * @throws TypeError if the status is anything else: the request is denied with 500 then, as by any exception
   */
  readonly deny = (status = 403, body?: CGIBody, options: SendOptions = {}): Promise<void> => {
    if (body !== undefined) return this.send(body, { ...options, status });
    this.checkSent(status);
    const type = "text/plain; charset=utf-8";
    return this.sendAny(`${STATUS_CODES[status] ?? status}\n`, { type, ...options, status });
  };

  /**
   * `send()`, too, can only refuse: the 200 that it has by default would let the request pass. The request is denied
   * also where the function goes on after the exception.
   */
  protected override checkSent(status: unknown): void {
    try {
      checkStatus(status, 300);
    } catch (error) {
      this.fail(error as Error);
      throw error;
    }
  }

  /** A body that is returned is not sent: its 200 would let the request pass. */
  override finish(): void {
    this.endOutput();
  }
}
