import { readFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { isMetaVariable } from "../cgi/meta-variables.ts";
import { splitMount } from "../cgi/mount.ts";
import { readRequestHead } from "../cgi/read-request-head.ts";
import type { RequestHead } from "../cgi/request-head.ts";
import { toStatusField } from "../cgi/response-head.ts";
import type { FastCGIRequestListener } from "../http/fastcgi-socket.ts";
import { emitRequest, readMessageOptions } from "../http/messages.ts";
import type { RequestConsumer, RequestTransport } from "../http/request-transport.ts";
import { createRequestSocket } from "../http/secure-request-socket.ts";
import { Role } from "../protocol/constants.ts";
import { encodeNameValuePairs } from "../protocol/name-value.ts";
import { checkApplication } from "./check-application.ts";
import { checkServerOptions } from "./check-options.ts";
import { rejectRequest } from "./error-response.ts";
import { type FastCGIServerOptions, readHeadLimits, readOptions } from "./options.ts";
import { createRouting, emitMounted } from "./routing.ts";
import { createServer, type FastCGIServer } from "./server.ts";

/**
 * Responds to the one request of a plain CGI program on stdin and stdout, and exits.
 *
 * `console.log()` and `process.stdout.write()` write to stderr from now on, which is the web server's error log,
 * because stdout is for the response. `req.url` is the request target without SCRIPT_NAME, because that is where the
 * web server has the program; the option `mount` overrides it. `params` are the meta-variables of the environment
 * only. HTTP_PROXY, a header field of the client (httpoxy), is deleted from `process.env`. An error of the application
 * without a `requestError` listener is written to stderr, once.
 *
 * @param app as for {@link serveFastCGI}
 * @param options those of a FastCGI server; timeouts and limits of connections do not apply
 * @returns a server that does not listen; it emits `request`, `clientError`, `requestError` and `close`
 * @throws TypeError or RangeError with Node's codes if `app` is not an application, or an option is unknown or invalid
 * @example
 * ```ts
 * serveCGI((req, res) => res.end(`You asked for ${req.url}\n`));
 * ```
 * @see RFC 3875
 */
export function serveCGI(app: FastCGIRequestListener, options: FastCGIServerOptions = {}): FastCGIServer {
  checkApplication(app);
  checkServerOptions(options);
  return startCGI(app, options);
}

/** Does what {@link serveCGI} does, with arguments that are checked already. */
export function startCGI(app: FastCGIRequestListener, options: FastCGIServerOptions): FastCGIServer {
  const server = createServer(options, app);
  // HTTP clients and child processes would use it as their proxy.
  delete process.env.HTTP_PROXY;
  const request = new ProcessRequest(() => {
    server.emit("close");
    // Exits even if something is open, such as a pool of connections: the web server waits for the end of the process.
    setImmediate(() => process.exit(request.appStatus || (process.exitCode ?? 0)));
  });
  // Later, because the caller may add listeners and routes after the call.
  setImmediate(() => start(server, request, options));
  return server;
}

function start(server: FastCGIServer, request: ProcessRequest, options: FastCGIServerOptions): void {
  // The system limits the size of the environment.
  const limits = { ...readHeadLimits(options, readOptions(options)), maxPairs: Number.POSITIVE_INFINITY };
  const head = readRequestHead(request.params, limits);
  if (head.problem !== undefined) {
    rejectRequest(server, request, head, head.problem);
    return;
  }
  const socket = createRequestSocket(server, request, head);
  request.remaining = bodyLength(head);
  const listener =
    options.mount === undefined
      ? belowScript(server, head)
      : createRouting({ mount: options.mount })?.listener(Role.RESPONDER, head, server);
  emitRequest(server, socket, head, readMessageOptions(options), listener);
  if (request.remaining === 0) request.consumer?.onStdinEnd();
}

function belowScript(server: FastCGIServer, head: RequestHead): RequestListener | undefined {
  if (!head.scriptName.startsWith("/")) return undefined;
  const split = splitMount(head.url, Buffer.from(head.scriptName, "latin1").toString());
  return split && ((req, res) => emitMounted(server, req, res, split));
}

/** Without CONTENT_LENGTH there is no body (RFC 3875, 4.3.2), unless it was sent chunked: then it ends with stdin. */
function bodyLength(head: RequestHead): number {
  if (head.contentLength >= 0) return head.contentLength;
  return head.hasTransferEncoding ? Number.POSITIVE_INFINITY : 0;
}

/** The request for which the web server has started the process. */
class ProcessRequest implements RequestTransport {
  readonly role = Role.RESPONDER;
  readonly params: Buffer = readEnvironment();
  readonly sharesStderr = true;
  consumer: RequestConsumer | undefined = undefined;
  appStatus = 0;
  /** Bytes of the body that have not been received. */
  remaining = 0;
  readonly #write: typeof process.stdout.write;
  readonly #onEnd: () => void;
  #queue: Uint8Array[] = [];
  /** Bytes in `#queue`; summing them at each write would make many small writes quadratic. */
  #queuedLength = 0;
  #isReading = false;
  #isOver = false;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    const { stdout, stderr } = process;
    this.#write = stdout.write.bind(stdout);
    stdout.write = stderr.write.bind(stderr);
    stdout.on("drain", () => this.consumer?.onDrain());
    // The web server has closed the pipe, because the client has left.
    stdout.on("error", () => this.#fail());
  }

  get writableLength(): number {
    return process.stdout.writableLength + this.#queuedLength;
  }
  get highWaterMark(): number {
    return process.stdout.writableHighWaterMark;
  }

  writeHTTP(text: string, encoding: BufferEncoding): void {
    this.write(toStatusField(text), encoding);
  }
  write(data: string | Uint8Array, encoding: BufferEncoding): void {
    if (data.length === 0) return;
    const bytes = typeof data === "string" ? Buffer.from(data, encoding) : data;
    this.#queue.push(bytes);
    this.#queuedLength += bytes.length;
  }
  makeRoom(): boolean {
    return this.writableLength < this.highWaterMark;
  }
  awaitDrain(): boolean {
    return process.stdout.writableNeedDrain;
  }
  flush(isComplete: boolean): void {
    if (this.#isOver) return;
    const bytes = Buffer.concat(this.#queue);
    this.#queue = [];
    this.#queuedLength = 0;
    if (bytes.length > 0) this.#write(bytes);
    if (isComplete) this.#end();
    this.consumer?.onFlushed();
  }
  whenSent(callback: () => void): void {
    this.#write("", () => callback());
  }
  writeStderr(chunk: Uint8Array, callback: (error?: Error | null) => void): void {
    process.stderr.write(chunk, callback);
  }
  discard(): void {}
  abort(): void {
    this.appStatus ||= 1;
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#write("", () => this.#onEnd());
  }

  #fail(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.appStatus ||= 1;
    this.consumer?.onAbort();
    setImmediate(this.#onEnd);
  }

  pause(): void {
    if (this.#isReading) process.stdin.pause();
  }
  resume(): void {
    if (this.remaining === 0) return;
    if (!this.#isReading) {
      this.#isReading = true;
      process.stdin.on("data", (chunk: Buffer) => this.#onData(chunk));
      process.stdin.on("end", () => this.#onInputEnd());
      process.stdin.on("error", () => this.#onInputEnd());
    }
    process.stdin.resume();
  }

  /** Counts bytes, because the web server need not close stdin at the end of the body. */
  #onData(chunk: Buffer): void {
    if (this.remaining === 0) return;
    const content = chunk.length > this.remaining ? chunk.subarray(0, this.remaining) : chunk;
    this.remaining -= content.length;
    this.consumer?.onStdin(content);
    if (this.remaining > 0) return;
    process.stdin.pause();
    this.consumer?.onStdinEnd();
  }

  #onInputEnd(): void {
    if (this.remaining === 0) return;
    const isWhole = this.remaining === Number.POSITIVE_INFINITY;
    this.remaining = 0;
    if (isWhole) this.consumer?.onStdinEnd();
    else this.#fail();
  }
}

/** Encodes the meta-variables with their original bytes where possible: `process.env` is decoded as UTF-8. */
function readEnvironment(): Buffer {
  const pairs: [string, Buffer][] = [];
  for (const entry of readEntries()) {
    const equals = entry.indexOf("=");
    const name = entry.slice(0, Math.max(equals, 0));
    if (isMetaVariable(name)) pairs.push([name, Buffer.from(entry.slice(equals + 1), "latin1")]);
  }
  return encodeNameValuePairs(pairs);
}

function readEntries(): string[] {
  try {
    return readFileSync("/proc/self/environ", "latin1").split("\0");
  } catch {
    return Object.entries(process.env).map((pair) => Buffer.from(pair.join("=")).toString("latin1"));
  }
}
