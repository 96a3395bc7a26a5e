import type { ForwardedPolicy } from "./forwarded.ts";
import { addHeader } from "./header-fields.ts";
import { isLength } from "./syntax.ts";
import { Variable, type VariableName } from "./variable-name.ts";

/** Why a request cannot be passed to an application, and the status of the error response. */
export interface HeadProblem {
  readonly statusCode: number;
  readonly message: string;
}

/** The head of a request, made from its meta-variables. `req` and its socket are made from it. */
export class RequestHead {
  method = "";
  url = "";
  protocol = "";
  readonly headers: Record<string, string | string[]> = {};
  readonly rawHeaders: string[] = [];
  /** Length of the body in bytes, or -1 if it is unknown. */
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
    // Every web server sets HTTPS, and it is the one that operators can set. IIS sends "off", others leave it out. An
    // unknown value means TLS: "non-empty" in the manual of PHP.
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
      // The target as received, sent by IIS in place of REQUEST_URI.
      if (request.url === "") request.url = value;
      break;
    case Variable.SERVER_SOFTWARE:
      request.serverSoftware = value;
      break;
    case Variable.CONTENT_LENGTH:
      // Without a length, some web servers send an empty value or -1.
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

/** Adds `Transfer-Encoding: chunked` for a body of unknown length. */
export function addTransferEncoding(request: RequestHead): void {
  request.hasTransferEncoding = true;
  request.rawHeaders.push("Transfer-Encoding", "chunked");
  request.headers["transfer-encoding"] = "chunked";
}
