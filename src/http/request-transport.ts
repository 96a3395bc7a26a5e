import type { Readable } from "node:stream";

/** What a {@link RequestSocket} needs of the protocol below it: FastCGI, or plain CGI. */
export interface RequestTransport {
  /** FCGI_PARAMS: name-value pairs. */
  readonly params: Buffer;
  /** FastCGI role. */
  readonly role: number;
  /** FCGI_DATA, in the Filter role. */
  readonly data?: Readable;
  /** Exit status of the request, as of a CGI program. */
  appStatus: number;
  /** Bytes written that the operating system has not taken yet. */
  readonly writableLength: number;
  /** Bytes waiting from which on a writer is asked to wait. */
  readonly highWaterMark: number;
  /** Who hears of the body, of the output's fate, and of the peer's leaving. */
  consumer: RequestConsumer | undefined;
  /**
   * Queues an answer's beginning as node:http wrote it: its first nine characters, `HTTP/1.1 `, go out as
   * `Status: `.
   */
  writeHTTP(text: string, encoding: BufferEncoding): void;
  /** Queues output; nothing is sent before `flush()`. An empty chunk is nothing. */
  write(data: string | Uint8Array, encoding: BufferEncoding): void;
  /**
   * Says, after a write, whether there is room for another one. It may send some of what is queued, but never the
   * last chunk: that has to leave together with the end of the answer, if that comes in the same tick.
   */
  makeRoom(): boolean;
  /** Asks to be told by `onDrain` when there is room; returns false if there is room already. */
  awaitDrain(): boolean;
  /** Sends what is queued, as far as there is room; `isComplete`: the answer ends with it. */
  flush(isComplete: boolean): void;
  /** Calls back once all that was handed over has left the process, or the connection has gone. */
  whenSent(callback: () => void): void;
  /** Whether `writeStderr()` writes to the stderr of this process. */
  readonly sharesStderr?: boolean;
  /** Sends a chunk of FCGI_STDERR at once; calls back when it has left, or with an error if the request is over. */
  writeStderr(chunk: Uint8Array, callback: (error?: Error | null) => void): void;
  /** Stops and restarts reading of the body. */
  pause(): void;
  resume(): void;
  /** Nobody wants what is still to come of the body: an answered request need not be kept for it. */
  discard(): void;
  /** Ends the request so that its answer does not look complete. */
  abort(): void;
}

/** What a {@link RequestTransport} tells of one request. */
export interface RequestConsumer {
  /** Part of the body. */
  onStdin(chunk: Buffer): void;
  onStdinEnd(): void;
  /** Part of FCGI_DATA, in the Filter role. */
  onData?(chunk: Buffer): void;
  onDataEnd?(): void;
  /** All that was queued is handed over. */
  onFlushed(): void;
  /** There is room again. */
  onDrain(): void;
  /**
   * The peer gave the request up, or is gone.
   *
   * @param error why; without it the peer has ended in order, maybe in mid-body
   * @param isReported the server has emitted `clientError` with it
   */
  onAbort(error?: Error, isReported?: boolean): void;
  /** Whether the rest of the body, after the answer, still has somebody who reads it. */
  readonly isReading?: boolean;
  /** A listener of the application threw, outside of the consumer. */
  fail?(error: unknown): void;
}
