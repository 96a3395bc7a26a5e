import type { ServerResponse } from "node:http";
import { Writable } from "node:stream";
import { type CGIHead, CGIHeadParser } from "../cgi/cgi-head.ts";
import { redirectsInternally } from "../cgi/front-ends.ts";
import { HOP_BY_HOP_FIELDS } from "../cgi/hop-by-hop.ts";

type Callback = (error?: Error | null) => void;

/**
 * Parses the CGI response that is written to it, and responds through `res`. The body is passed on as it comes.
 *
 * A malformed head is reported to `onFail`, and what follows it is dropped. If the client leaves, the stream is
 * destroyed without an error.
 *
 * @see RFC 3875, section 6
 */
export class CGIOutput extends Writable {
  readonly #res: ServerResponse;
  readonly #onFail: (error: Error) => void;
  readonly #serverSoftware: string | undefined;
  /** Undefined when the head is parsed. */
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
    // `write after end` is reported, but must not end the process.
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
      // The body may come much later, in an event stream for instance.
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
    // A CGI program must not send fields that concern the connection (RFC 3875, 6.3.4).
    if (!HOP_BY_HOP_FIELDS.has(name.toLowerCase())) fields.push(name, head.rawHeaders[index + 1]!);
  }
  // Apache follows a local redirect itself if the status is 200 (RFC 3875, 6.2.2). Other web servers pass it to the
  // client, and Caddy would send 200.
  const isLocal = head.localRedirect !== undefined && redirectsInternally(serverSoftware);
  // A flat list, as rawHeaders: names keep their case, and repeated fields stay separate.
  res.writeHead(isLocal ? 200 : head.statusCode, isLocal ? "OK" : head.statusMessage, fields);
}
