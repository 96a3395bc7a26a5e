import { Readable } from "node:stream";
import { argumentError } from "../listen/argument-error.ts";
import { rethrowApart } from "../listen/rethrow.ts";

/** A body that can be sent as FCGI_STDIN or FCGI_DATA. Strings are sent as UTF-8. */
export type RequestBody = string | Uint8Array | Readable | AsyncIterable<string | Uint8Array>;

/** Receives the bytes of a {@link BodyPump}. */
export interface BodySink {
  /** Writes a piece; returns false if the pump has to wait for {@link BodyPump.resume}. */
  write(chunk: Uint8Array): boolean;
  /** The body is complete. */
  end(): void;
  /** The body failed before its end, possibly before {@link BodyPump.start}. */
  fail(error: Error): void;
}

/**
 * Pumps one body into one stream of a request, with backpressure.
 *
 * Streams are read by their events. Iteration would destroy them after an early response, and the stream may be
 * half of a connection that is still needed.
 */
export class BodyPump {
  readonly #bytes: Uint8Array | undefined;
  readonly #source: Readable | undefined;
  readonly #destroySource: boolean;
  #sink: BodySink | undefined;
  #ended = false;

  /** @throws TypeError if `body` is not a {@link RequestBody} */
  constructor(body: RequestBody | undefined, destroySource: boolean, sink: BodySink) {
    if (body === undefined || typeof body === "string") this.#bytes = Buffer.from(body ?? "");
    else if (body instanceof Uint8Array) this.#bytes = body;
    else if (body instanceof Readable) this.#source = body;
    else this.#source = Readable.from(checkIterable(body), { highWaterMark: 1 });
    this.#destroySource = destroySource || this.#source !== body;
    this.#sink = sink;
    // Not in start(): a stream that fails while its request is queued would end the process.
    this.#source?.on("error", this.#onError);
  }

  /** Whether there is no body, so that the request can be sent twice. */
  get isEmpty(): boolean {
    return this.#bytes?.length === 0;
  }

  /** Whether the whole body was written. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** Starts to pump. A body in memory is written synchronously. */
  start(): void {
    const source = this.#source;
    if (source === undefined) {
      if (this.#bytes!.length > 0) this.#sink?.write(this.#bytes!);
      this.#onEnd();
    } else if (source.readableEnded) {
      this.#onEnd();
    } else if (source.destroyed) {
      this.#onClose();
    } else {
      source.on("data", this.#onData);
      source.on("end", this.#onEnd);
      source.on("close", this.#onClose);
    }
  }

  /** Continues after `write()` returned false. */
  resume(): void {
    if (this.#sink) this.#source?.resume();
  }

  /** Stops pumping, for instance because the response is complete. The rest of the body is not read. */
  stop(): void {
    this.#sink = undefined;
    const source = this.#source;
    if (source === undefined) return;
    source.off("data", this.#onData);
    source.off("end", this.#onEnd);
    source.off("close", this.#onClose);
    // The error listener stays: without one, a late error of the stream would end the process.
    try {
      if (this.#destroySource) source.destroy();
      else source.pause();
    } catch (error) {
      // A `pause` listener of the caller, or a method that it replaced.
      rethrowApart(error);
    }
  }

  readonly #onData = (chunk: string | Uint8Array): void => {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    if (!(bytes instanceof Uint8Array)) {
      this.#onError(
        argumentError(
          "ERR_INVALID_ARG_VALUE",
          `it holds ${describeType(chunk)}: only strings and bytes can be sent`,
        ),
      );
      return;
    }
    if (this.#sink?.write(bytes) === false) this.#source?.pause();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    const sink = this.#sink;
    // A body in memory can be sent again, with its request.
    if (this.#source !== undefined) this.#sink = undefined;
    sink?.end();
  };

  readonly #onError = (error: Error): void => {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.fail(error);
  };

  readonly #onClose = (): void => {
    this.#onError(new Error("the body was closed before its end"));
  };
}

function checkIterable(body: AsyncIterable<string | Uint8Array>): AsyncIterable<string | Uint8Array> {
  const isIterable =
    typeof body === "object" && body !== null && (Symbol.asyncIterator in body || Symbol.iterator in body);
  if (isIterable) return body;
  const message = `body is ${describeType(body)}: give a string, bytes, a stream or an async iterable`;
  throw argumentError("ERR_INVALID_ARG_TYPE", message);
}

function describeType(value: unknown): string {
  return value === null ? "null" : `of type ${typeof value}`;
}
