import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import { readPrefix, splitMount, splitScriptName } from "../cgi/mount.ts";
import type { RequestHead } from "../cgi/request-head.ts";
import { FilterRequest } from "../fastcgi/filter-request.ts";
import type { FastCGIRequest } from "../fastcgi/request.ts";
import {
  type AuthorizerFunction,
  authorizerListener,
  type CGIFunction,
  cgiListener,
} from "../functions/cgi-function.ts";
import { announceRequest } from "../http/messages.ts";
import { sendPlainText } from "../http/plain-text.ts";
import { Role } from "../protocol/constants.ts";

/** A Filter may buffer this many times `maxBufferedStdin` of one stream while it reads the other. */
const FILTER_BUFFER_FACTOR = 8;

/**
 * Functions for the roles other than Responder. A role without a function is refused with UNKNOWN_ROLE.
 *
 * @see FastCGI 1.0, sections 6.3 and 6.4
 */
export interface Roles {
  /** Decides whether a request may pass, by `allow()` or `deny()`. */
  authorizer?: AuthorizerFunction | undefined;
  /**
   * Responds with a processed version of the file in `data`. While it reads one of `stdin` and `data`, up to eight times
   * `maxBufferedStdin` bytes of the other are buffered; beyond it the request fails with ERR_FCGI_LIMIT.
   */
  filter?: CGIFunction | undefined;
}

/** Options that send requests elsewhere than to the `request` event. */
export interface RoutingOptions {
  /** Functions for the Authorizer and the Filter role. */
  readonly roles?: Roles | undefined;
  /** Prefix of the application, for instance `/app`, or `script-name`. */
  readonly mount?: string | undefined;
}

/** Returns the numbers of the roles that are served. */
export function rolesOf(roles: Roles = {}): Set<number> {
  const served = new Set<number>([Role.RESPONDER]);
  if (roles.authorizer !== undefined) served.add(Role.AUTHORIZER);
  if (roles.filter !== undefined) served.add(Role.FILTER);
  return served;
}

/** Creates the routing of a server; undefined if all requests go to the `request` event. */
export function createRouting(options: RoutingOptions): Routing | undefined {
  return options.roles === undefined && options.mount === undefined ? undefined : new Routing(options);
}

/** Chooses the listener of requests in other roles than Responder, and of those below a mount prefix. */
export class Routing {
  readonly #authorizer: RequestListener | undefined;
  readonly #filter: RequestListener | undefined;
  /** Undefined if there is none, or if it is read from SCRIPT_NAME. */
  readonly #prefix: string | undefined;
  readonly #usesScriptName: boolean;

  constructor({ roles = {}, mount }: RoutingOptions) {
    this.#authorizer = roles.authorizer && authorizerListener(roles.authorizer);
    this.#filter = roles.filter && cgiListener(roles.filter);
    this.#usesScriptName = mount === "script-name";
    this.#prefix = mount === undefined || this.#usesScriptName ? undefined : readPrefix(mount);
  }

  /** Prepares a request in another role than Responder. */
  prepare(request: FastCGIRequest, head: RequestHead, maxBufferedStdin: number): void {
    if (request instanceof FilterRequest) {
      request.createData(maxBufferedStdin * FILTER_BUFFER_FACTOR);
    } else if (request.role === Role.AUTHORIZER) {
      // No body is sent to an Authorizer, whatever CONTENT_LENGTH says (section 6.3).
      request.endStdin();
      head.contentLength = 0;
    }
  }

  /** Returns the listener of a request; undefined for the `request` event. */
  listener(role: number, head: RequestHead, server: Server): RequestListener | undefined {
    if (role === Role.AUTHORIZER) return this.#authorizer;
    if (role === Role.FILTER) return this.#filter;
    if (this.#usesScriptName) {
      const split = splitScriptName(head.url, head.scriptName) ?? { baseUrl: "", url: head.url };
      return (req, res) => emitMounted(server, req, res, split);
    }
    const prefix = this.#prefix;
    if (prefix === undefined || head.url === "*") return undefined;
    const split = splitMount(head.url, prefix);
    return (req, res) => {
      if (split === undefined) sendNotFound(res, prefix);
      else emitMounted(server, req, res, split);
    };
  }
}

/** Emits a request with `url`, `baseUrl` and `originalUrl` as Express sets them for a mounted application. */
export function emitMounted(
  server: Server,
  req: IncomingMessage,
  res: ServerResponse,
  split: { baseUrl: string; url: string },
): void {
  Object.assign(req, { originalUrl: req.url, baseUrl: split.baseUrl, url: split.url });
  announceRequest(server, req, res);
}

/** Responds with 404 to a request outside of the prefix: lighttpd sends `/apple` to what is configured for `/app`. */
function sendNotFound(res: ServerResponse, prefix: string): void {
  sendPlainText(res, 404, `Not Found: the application is at ${prefix}/\n`);
}
