import type { ServerResponse } from "node:http";
import { Writable } from "node:stream";
import { type CGIHead, CGIHeadParser } from "../cgi/cgi-head.ts";
import { HOP_BY_HOP_FIELDS } from "../cgi/hop-by-hop.ts";

type Callback = (error?: Error | null) => void;

/**
 * Takes what a CGI program writes, and answers through `res`: the head is parsed, the body passed on as it comes.
 *
 * A malformed head is told to `onFail`, and what follows it is thrown away. The stream never fails by itself
 * because the browser left: it is destroyed then.
 *
 * @see RFC 3875, section 6
 */
export class CGIOutput extends Writable {
  readonly #res: ServerResponse;
  readonly #onFail: (error: Error) => void;
  readonly #serverSoftware: string | undefined;
  /** Undefined once the head is through, or has failed. */
  #parser: CGIHeadParser | undefined = new CGIHeadParser();
  #hasFailed = false;
  /** Whether anything was written. */
  isUsed = false;

  /** @param serverSoftware SERVER_SOFTWARE */
  constructor(res: ServerResponse, onFail: (error: Error) => void, serverSoftware?: string) {
    super();
    this.#serverSoftware = serverSoftware;
    this.#res = res;
    this.#onFail = onFail;
    res.once("close", () => this.destroy());
    // Written after its end: the program's mistake, but no reason to end the process.
    this.on("error", onFail);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.isUsed = true;
    if (this.#hasFailed) {
      callback();
    } else if (this.#parser === undefined) {
      this.#writeBody(chunk, callback);
    } else {
      this.#parse(this.#parser, chunk, callback);
    }
  }

  #parse(parser: CGIHeadParser, chunk: Buffer, callback: Callback): void {
    try {
      const parsed = parser.push(chunk);
      if (parsed === undefined) {
        callback();
        return;
      }
      this.#parser = undefined;
      writeHead(this.#res, parsed.head, this.#serverSoftware);
      if (parsed.rest.length > 0) {
        this.#writeBody(parsed.rest, callback);
        return;
      }
      // The body may take its time: event streams.
      this.#res.flushHeaders();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    callback();
  }

  #writeBody(chunk: Buffer, callback: Callback): void {
    if (this.#res.write(chunk)) callback();
    else this.#res.once("drain", callback);
  }

  override _final(callback: Callback): void {
    if (this.#parser !== undefined && !this.#hasFailed) this.#fail(this.#parser.unfinished());
    else if (!this.#hasFailed) this.#res.end();
    callback();
  }

  #fail(error: Error): void {
    this.#hasFailed = true;
    this.#onFail(error);
  }
}

function writeHead(res: ServerResponse, head: CGIHead, serverSoftware = ""): void {
  const fields: string[] = [];
  for (let index = 0; index < head.rawHeaders.length; index += 2) {
    const name = head.rawHeaders[index]!;
    // The framing is not the program's (RFC 3875, 6.3.4).
    if (!HOP_BY_HOP_FIELDS.has(name.toLowerCase())) fields.push(name, head.rawHeaders[index + 1]!);
  }
  // flat, as rawHeaders: names keep their case and repeated fields their lines
  // Apache redirects by itself where the status is 200 (RFC 3875, 6.2.2); others leave that to the browser, and
  // Caddy would take a missing status for 200.
  const isLocal = head.localRedirect !== undefined && serverSoftware.startsWith("Apache");
  res.writeHead(isLocal ? 200 : head.statusCode, isLocal ? "OK" : head.statusMessage, fields);
}
