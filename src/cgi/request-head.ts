import type { ForwardedPolicy } from "./forwarded.ts";
import { addHeader } from "./header-fields.ts";
import { isLength } from "./syntax.ts";
import { Variable, type VariableName } from "./variable-name.ts";

/** Says why a request cannot be given to an application. */
export interface HeadProblem {
  readonly statusCode: number;
  readonly message: string;
}

/** A request as the web server describes it: what `req` and its socket are made from. */
export class RequestHead {
  method = "";
  url = "";
  protocol = "";
  readonly headers: Record<string, string | string[]> = {};
  readonly rawHeaders: string[] = [];
  /** Bytes of the body, or -1 if the server does not say. */
  contentLength = -1;
  hasTransferEncoding = false;
  remoteAddress = "";
  remotePort = "";
  localAddress = "";
  localPort = "";
  https = "";
  scheme = "";
  scriptName = "";
  pathInfo = "";
  query = "";
  serverSoftware = "";
  forwarded: ForwardedPolicy = "drop";
  problem: HeadProblem | undefined = undefined;

  get isEncrypted(): boolean {
    // HTTPS says it in every server, and only there can it be set; IIS says "off" where others leave it out. A
    // value that is not known means TLS, as it has always been understood: "non-empty" in PHP's manual.
    const https = this.https;
    return https === "" ? this.scheme.toLowerCase() === "https" : https === "on" || !NOT_TLS.test(https);
  }
}

const NOT_TLS = /^\s*(?:off|no|0|false|disabled|none)?\s*$/i;

/** Assigns a meta-variable other than a header field. */
export function setVariable(request: RequestHead, name: VariableName, value: string): void {
  switch (name.variable) {
    case Variable.REMOTE_ADDR:
      request.remoteAddress = value;
      break;
    case Variable.REMOTE_PORT:
      request.remotePort = value;
      break;
    case Variable.SERVER_ADDR:
      request.localAddress = value;
      break;
    case Variable.SERVER_PORT:
      request.localPort = value;
      break;
    case Variable.HTTPS:
      request.https = value;
      break;
    case Variable.REQUEST_SCHEME:
      request.scheme = value;
      break;
    case Variable.SCRIPT_NAME:
      request.scriptName = value;
      break;
    case Variable.PATH_INFO:
      request.pathInfo = value;
      break;
    case Variable.QUERY_STRING:
      request.query = value;
      break;
    case Variable.UNENCODED_URL:
      // IIS: the target as sent, where REQUEST_URI is missing.
      if (request.url === "") request.url = value;
      break;
    case Variable.SERVER_SOFTWARE:
      request.serverSoftware = value;
      break;
    case Variable.CONTENT_LENGTH:
      // Empty from nginx, -1 from Caddy 2.6 for a chunked upload: neither is a length.
      if (isLength(value) && request.contentLength < 0) {
        request.contentLength = Number(value);
        addHeader(request, name.field, value);
      }
      break;
    case Variable.TRANSFER_ENCODING:
      request.hasTransferEncoding = value !== "";
      break;
  }
}

/** Says that a body comes without a length. */
export function addTransferEncoding(request: RequestHead): void {
  request.hasTransferEncoding = true;
  request.rawHeaders.push("Transfer-Encoding", "chunked");
  request.headers["transfer-encoding"] = "chunked";
}
