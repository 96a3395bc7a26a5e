import type { Readable } from "node:stream";

/** One request of the protocol below, FastCGI or plain CGI, as {@link RequestSocket} needs it. */
export interface RequestTransport {
  /** FCGI_PARAMS: name-value pairs. */
  readonly params: Buffer;
  /** FastCGI role. */
  readonly role: number;
  /** FCGI_DATA, in the Filter role. */
  readonly data?: Readable;
  /** Exit status of the request. */
  appStatus: number;
  /** Bytes written that have not been handed to the operating system. */
  readonly writableLength: number;
  /** Value of `writableLength` from which on the writer should wait. */
  readonly highWaterMark: number;
  /** Receives body, progress of the output, and abort. */
  consumer: RequestConsumer | undefined;
  /** Queues the beginning of a response as node:http wrote it. `HTTP/1.1 ` at its start is sent as `Status: `. */
  writeHTTP(text: string, encoding: BufferEncoding): void;
  /** Queues output, which is sent by `flush()`. Ignores an empty chunk. */
  write(data: string | Uint8Array, encoding: BufferEncoding): void;
  /**
   * Returns, after a write, whether there is room for another one. May send what is queued, except for the last chunk,
   * which is sent together with the end of the response if that comes in the same tick.
   */
  makeRoom(): boolean;
  /** Requests `onDrain` when there is room; returns false if there is room already. */
  awaitDrain(): boolean;
  /** Sends what is queued, as far as there is room; `isComplete`: it ends the response. */
  flush(isComplete: boolean): void;
  /** Calls back when all that was flushed has left the process, or the connection is closed. */
  whenSent(callback: () => void): void;
  /** Whether `writeStderr()` writes to stderr of this process. */
  readonly sharesStderr?: boolean;
  /** Sends FCGI_STDERR at once; calls back when it has left the process, or with an error if the request is over. */
  writeStderr(chunk: Uint8Array, callback: (error?: Error | null) => void): void;
  /** Pauses reading of the body. */
  pause(): void;
  /** Resumes reading of the body. */
  resume(): void;
  /** Drops the rest of the body, which has no reader: the request need not be kept for it after the response. */
  discard(): void;
  /** Ends the request so that its response does not look complete. */
  abort(): void;
}

/** Receiver of the events of one {@link RequestTransport}. */
export interface RequestConsumer {
  /** A piece of the body was received. */
  onStdin(chunk: Buffer): void;
  /** The body is complete. */
  onStdinEnd(): void;
  /** All that was queued is handed to the operating system. */
  onFlushed(): void;
  /** There is room for output again. */
  onDrain(): void;
  /**
   * The web server has aborted the request, or the connection is closed.
   *
   * @param error why; undefined if the web server has aborted, or ended the connection, maybe within the body
   * @param isReported whether the server has emitted `clientError` with it
   */
  onAbort(error?: Error, isReported?: boolean): void;
  /** Whether the application still reads the body after the response. */
  readonly isReading?: boolean;
  /** Fails the request because a listener of the application threw, outside of the consumer. */
  fail?(error: unknown): void;
}
