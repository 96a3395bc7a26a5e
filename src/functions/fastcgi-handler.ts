import type { Readable, Writable } from "node:stream";
import type { CGIContext } from "./cgi-context.ts";

/**
 * A CGI function in the form of a class, of which each request makes an instance.
 *
 * @example
 * ```ts
 * class Hello extends FastCGIHandler {
 *   handle() {
 *     this.stdout.write(`Content-Type: text/plain\r\n\r\nHello, ${this.environ.REMOTE_ADDR}\n`);
 *   }
 * }
 * fastcgi(Hello);
 * ```
 */
export abstract class FastCGIHandler {
  /** Same as {@link CGIContext.env}. */
  readonly environ: CGIContext["env"];
  /** Same as {@link CGIContext.stdin}. */
  readonly stdin: Readable;
  /** Same as `stdout` of {@link CGIContext}. */
  readonly stdout: Writable;
  /** Same as `stderr` of {@link CGIContext}. */
  readonly stderr: Writable;
  /** The whole context. */
  readonly context: CGIContext;

  /** Called by the server for each request. */
  constructor(context: CGIContext) {
    this.environ = context.env;
    this.stdin = context.stdin;
    this.stdout = context.stdout;
    this.stderr = context.stderr;
    this.context = context;
  }

  /** Responds to the request; may be async. What it returns counts as for {@link CGIFunction}. */
  abstract handle(): unknown;
}

/** A class that extends {@link FastCGIHandler}. */
export type FastCGIHandlerClass = new (context: CGIContext) => FastCGIHandler;

/** Returns whether a value is a class that extends {@link FastCGIHandler}. */
export function isHandlerClass(value: object): value is FastCGIHandlerClass {
  return typeof value === "function" && value.prototype instanceof FastCGIHandler;
}
