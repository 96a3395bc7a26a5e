import { Readable } from "node:stream";
import { argumentError } from "../listen/argument-error.ts";
import { rethrow } from "./rethrow.ts";

/** What can be sent as FCGI_STDIN or FCGI_DATA. Strings are sent as UTF-8. */
export type RequestBody = string | Uint8Array | Readable | AsyncIterable<string | Uint8Array>;

/** Where a {@link BodyPump} pumps to. */
export interface BodySink {
  /** Writes a piece; false asks the pump to wait for {@link BodyPump.resume}. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  /** The body broke before its end, perhaps before {@link BodyPump.start}. */
  fail(error: Error): void;
}

/**
 * Moves one body into one stream of a request, no faster than the connection takes it.
 *
 * It reads streams by their events instead of by iteration, which would destroy them where the application
 * answers early: the stream may be half of a connection that is still needed.
 */
export class BodyPump {
  readonly #bytes: Uint8Array | undefined;
  readonly #source: Readable | undefined;
  readonly #destroySource: boolean;
  #sink: BodySink | undefined;
  #ended = false;

  /** @throws TypeError if `body` is none */
  constructor(body: RequestBody | undefined, destroySource: boolean, sink: BodySink) {
    if (body === undefined || typeof body === "string") this.#bytes = Buffer.from(body ?? "");
    else if (body instanceof Uint8Array) this.#bytes = body;
    else if (body instanceof Readable) this.#source = body;
    else this.#source = Readable.from(checkIterable(body), { highWaterMark: 1 });
    this.#destroySource = destroySource || this.#source !== body;
    this.#sink = sink;
    // From now on: a stream that fails while its request waits for a connection would end the process.
    this.#source?.on("error", this.#onError);
  }

  /** Whether there is nothing to send, so that a request can be sent twice without harm. */
  get isEmpty(): boolean {
    return this.#bytes?.length === 0;
  }

  /** Whether the whole body went out. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** Begins to pump; what is there at once is written at once. */
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

  /** Goes on after the connection took what was written. */
  resume(): void {
    if (this.#sink) this.#source?.resume();
  }

  /** Ends pumping, for instance because the answer is complete; the rest of the body is not read. */
  stop(): void {
    this.#sink = undefined;
    const source = this.#source;
    if (source === undefined) return;
    source.off("data", this.#onData);
    source.off("end", this.#onEnd);
    source.off("close", this.#onClose);
    // The error listener stays: nobody else may listen, and an error now is of no interest to anybody.
    try {
      if (this.#destroySource) source.destroy();
      else source.pause();
    } catch (error) {
      // A listener of `pause`, or a method that was replaced.
      rethrow(error);
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
    // The bytes of a request that is sent again are needed again.
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
