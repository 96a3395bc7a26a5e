import type { CGIHead, CGIHeadParser } from "../cgi/cgi-head.ts";
import { ProtocolStatus } from "../protocol/constants.ts";
import { RequestRefusedError } from "../protocol/errors.ts";
import type { EndRequestBody } from "../protocol/record-body.ts";
import type { RawFastCGIResponse } from "./response.ts";
import { ErrorOutput, OutputStream } from "./response-stream.ts";

/** Receives one response: with its head parsed if there is a parser, otherwise raw. Called exactly once. */
export type ResponseReceiver = { onError(error: Error): void } & (
  | { readonly parser: CGIHeadParser; onHead(head: CGIHead, streams: RawFastCGIResponse): void }
  | { readonly parser?: undefined; onStart(streams: RawFastCGIResponse): void }
);

/** Flow control of a response. */
export interface ResponseFlow {
  /** Called when the reader takes content again, after `addStdout()` returned false. */
  resume(): void;
  /** Called when FCGI_STDOUT is destroyed, also after its end. */
  abandon(): void;
}

const REFUSALS: Record<Exclude<ProtocolStatus, 0>, string> = {
  [ProtocolStatus.CANT_MPX_CONN]: "it takes one request at a time on a connection (CANT_MPX_CONN)",
  [ProtocolStatus.OVERLOADED]: "it is overloaded (OVERLOADED)",
  [ProtocolStatus.UNKNOWN_ROLE]: "it does not know the role (UNKNOWN_ROLE)",
};

/**
 * The response to one request while it arrives.
 *
 * It is delivered to its receiver when its head is complete, or when its first byte arrives if it is raw. Errors
 * before that go to the receiver, later ones to the streams.
 */
export class IncomingResponse {
  readonly #receiver: ResponseReceiver;
  readonly #stdout: OutputStream;
  readonly #stderr: ErrorOutput = new ErrorOutput();
  readonly #ended: Promise<EndRequestBody>;
  #resolveEnded!: (end: EndRequestBody) => void;
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

  /** Whether the receiver was called. */
  get isDelivered(): boolean {
    return this.#isDelivered;
  }

  /**
   * Adds content of FCGI_STDOUT; returns false if the reader has enough for now.
   *
   * @throws ResponseError if the head is malformed
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

  /** Adds content of FCGI_STDERR. */
  addStderr(content: Buffer): void {
    this.#stderr.add(content);
    this.#deliverRaw();
  }

  /** Ends the response with FCGI_END_REQUEST. */
  end(end: EndRequestBody): void {
    const { protocolStatus } = end;
    if (protocolStatus !== ProtocolStatus.REQUEST_COMPLETE) {
      const message = `application refused the request: ${REFUSALS[protocolStatus]}`;
      this.fail(new RequestRefusedError(message, { protocolStatus }));
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

  /** Ends the response before it is complete. */
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
