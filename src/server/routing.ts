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
import { Role } from "../protocol/constants.ts";

/** Times `maxBufferedStdin` that a Filter may have waiting of one stream while it reads the other. */
const FILTER_BUFFER_FACTOR = 8;

/** Functions for the roles beside Responder; a role without one is refused with UNKNOWN_ROLE. */
export interface Roles {
  /** Says whether a request may pass: `allow()` or `deny()`. */
  readonly authorizer?: AuthorizerFunction | undefined;
  /**
   * Answers with what it makes of the file that comes as `data`. Eight times `maxBufferedStdin` of one stream wait for a
   * function that reads the other one; beyond it the request fails with ERR_FCGI_LIMIT.
   */
  readonly filter?: CGIFunction | undefined;
}

/** Options that make a request go another way than straight to the `request` event. */
export interface RoutingOptions {
  readonly roles?: Roles | undefined;
  readonly mount?: string | undefined;
}

/** The roles that are served. */
export function rolesOf(roles: Roles = {}): Set<number> {
  const served = new Set<number>([Role.RESPONDER]);
  if (roles.authorizer !== undefined) served.add(Role.AUTHORIZER);
  if (roles.filter !== undefined) served.add(Role.FILTER);
  return served;
}

/** Makes the routing of a server; undefined where all goes straight, as it does for most. */
export function createRouting(options: RoutingOptions): Routing | undefined {
  return options.roles === undefined && options.mount === undefined ? undefined : new Routing(options);
}

/** Where requests in other roles, and below a mount prefix, go. */
export class Routing {
  readonly #authorizer: RequestListener | undefined;
  readonly #filter: RequestListener | undefined;
  /** Undefined: none, or to be read from SCRIPT_NAME. */
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

  /** The listener of a request; undefined for that of the `request` event. */
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
      if (split === undefined) refuse(res, prefix);
      else emitMounted(server, req, res, split);
    };
  }
}

/** As Express leaves `req` to what is mounted; Express itself goes on from there. */
export function emitMounted(
  server: Server,
  req: IncomingMessage,
  res: ServerResponse,
  split: { baseUrl: string; url: string },
): void {
  Object.assign(req, { originalUrl: req.url, baseUrl: split.baseUrl, url: split.url });
  announceRequest(server, req, res);
}

/** lighttpd gives `/apple` to what it has at `/app`. */
function refuse(res: ServerResponse, prefix: string): void {
  res.statusCode = 404;
  res.setHeader("Content-Type", "text/plain; charset=utf-8");
  res.end(`Not Found: the application is at ${prefix}/\n`);
}
