import type { CGIHead, CGIHeadParser } from "../cgi/cgi-head.ts";
import { ProtocolStatus } from "../protocol/constants.ts";
import { RequestRefusedError } from "../protocol/errors.ts";
import { ErrorOutput, OutputStream, type RawFastCGIResponse, type RequestEnd } from "./response.ts";

/** Who an answer is for: with its head parsed, or as it is. */
export type ResponseReceiver = { onError(error: Error): void } & (
  | { readonly parser: CGIHeadParser; onHead(head: CGIHead, streams: RawFastCGIResponse): void }
  | { readonly parser?: undefined; onStart(streams: RawFastCGIResponse): void }
);

/** What an answer asks of its request. */
export interface ResponseFlow {
  /** The reader wants more. */
  resume(): void;
  /** The reader gave up. */
  abandon(): void;
}

const REFUSALS: Record<Exclude<ProtocolStatus, 0>, string> = {
  [ProtocolStatus.CANT_MPX_CONN]: "it takes one request at a time on a connection (CANT_MPX_CONN)",
  [ProtocolStatus.OVERLOADED]: "it is overloaded (OVERLOADED)",
  [ProtocolStatus.UNKNOWN_ROLE]: "it does not know the role (UNKNOWN_ROLE)",
};

/** The answer to one request on its way to the reader: cut into head and body, delivered once. */
export class IncomingResponse {
  readonly #receiver: ResponseReceiver;
  readonly #stdout: OutputStream;
  readonly #stderr: ErrorOutput = new ErrorOutput();
  readonly #ended: Promise<RequestEnd>;
  #resolveEnded!: (end: RequestEnd) => void;
  #rejectEnded!: (error: Error) => void;
  #isDelivered = false;

  constructor(receiver: ResponseReceiver, flow: ResponseFlow) {
    this.#receiver = receiver;
    this.#stdout = new OutputStream(
      () => flow.resume(),
      () => flow.abandon(),
    );
    this.#ended = new Promise((resolve, reject) => {
      this.#resolveEnded = resolve;
      this.#rejectEnded = reject;
    });
    this.#ended.catch(() => {});
  }

  /** Whether the receiver has the answer, so that errors now come by its streams. */
  get isDelivered(): boolean {
    return this.#isDelivered;
  }

  /**
   * Takes part of FCGI_STDOUT; false if the reader has enough for now.
   *
   * @throws ResponseError on a malformed head
   */
  addStdout(content: Buffer): boolean {
    const receiver = this.#receiver;
    let body = content;
    if (!this.#isDelivered && receiver.parser) {
      const parsed = receiver.parser.push(content);
      if (!parsed) return true;
      this.#isDelivered = true;
      receiver.onHead(parsed.head, this.#streams());
      body = parsed.rest;
      if (body.length === 0) return true;
    }
    this.#deliverRaw();
    return this.#stdout.add(body);
  }

  addStderr(content: Buffer): void {
    this.#stderr.add(content);
    this.#deliverRaw();
  }

  /** FCGI_END_REQUEST came. */
  end(end: RequestEnd): void {
    if (end.protocolStatus !== ProtocolStatus.REQUEST_COMPLETE) {
      const why = REFUSALS[end.protocolStatus];
      this.fail(
        new RequestRefusedError(`application refused the request: ${why}`, {
          protocolStatus: end.protocolStatus,
        }),
      );
      return;
    }
    this.#deliverRaw();
    if (!this.#isDelivered && this.#receiver.parser) {
      this.fail(this.#receiver.parser.unfinished());
      return;
    }
    this.#resolveEnded(end);
    this.#stderr.end();
    this.#stdout.end();
  }

  /** The request ended before its answer did. */
  fail(error: Error): void {
    this.#rejectEnded(error);
    this.#stderr.end();
    this.#stdout.destroy(error);
    if (this.#isDelivered) return;
    this.#isDelivered = true;
    this.#receiver.onError(error);
  }

  #deliverRaw(): void {
    if (this.#isDelivered || this.#receiver.parser) return;
    this.#isDelivered = true;
    this.#receiver.onStart(this.#streams());
  }

  #streams(): RawFastCGIResponse {
    return { stdout: this.#stdout, stderr: this.#stderr, ended: this.#ended };
  }
}
