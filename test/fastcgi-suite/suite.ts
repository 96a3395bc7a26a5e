import { readFileSync } from "node:fs";
import { type Address, Failure, Link, NotApplicable, type ReceivedResponse } from "../support/link.ts";
import * as wire from "../support/wire.ts";

/** An application under test. */
export interface Target {
  readonly address: Address;
  /** Params that every request gets besides the suite's own, for instance SCRIPT_FILENAME for php-fpm. */
  readonly params: readonly (readonly [string, string])[];
  /** The time that a case waits for bytes, in milliseconds. */
  readonly timeoutMs: number;
  /** The process whose memory is measured, on Linux. Without it memory is not measured. */
  readonly pid?: number | undefined;
}

/** MUST: the specification requires it. SHOULD: the specification recommends it, or it protects other requests. */
export type Level = "MUST" | "SHOULD";

export interface Case {
  /** The section and a name that stays when the title changes: `5.4/stdin-ended`. */
  readonly id: string;
  readonly section: string;
  readonly level: Level;
  readonly title: string;
  readonly run: (t: Bench) => Promise<void>;
}

type AddCase = (name: string, title: string, run: Case["run"]) => void;

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly cases: Case[];
  readonly must: AddCase;
  readonly should: AddCase;
}

/** Starts a section, to which `must` and `should` add cases. */
export function section(id: string, title: string): Section {
  const cases: Case[] = [];
  const add =
    (level: Level): AddCase =>
    (name, title, run) => {
      cases.push({ id: `${id}/${name}`, section: id, level, title, run });
    };
  return { id, title, cases, must: add("MUST"), should: add("SHOULD") };
}

/** Fails the case unless `condition` holds. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Failure(message);
}

/** Fails the case unless both are the same. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Failure(`${what}: expected ${e.slice(0, 120)}, got ${a?.slice(0, 120)}`);
}

/** A request without its path. */
export interface RequestOptions {
  readonly method?: string;
  /** Body; CONTENT_LENGTH is added unless `length` says otherwise. */
  readonly body?: Uint8Array | string;
  /** CONTENT_LENGTH as sent; null sends none. */
  readonly length?: string | null;
  readonly flags?: number;
  readonly role?: number;
  /** More params, sent last. */
  readonly params?: readonly (readonly [string, string | Uint8Array])[];
}

/** Opens connections to the application and encodes requests of the contract. */
export class Bench {
  readonly target: Target;
  readonly #links: Link[] = [];
  #peak = 0;

  constructor(target: Target) {
    this.target = target;
  }

  async open(): Promise<Link> {
    const link = await Link.open(this.target.address, this.target.timeoutMs);
    this.#links.push(link);
    return link;
  }

  /** Ends all connections of the case. */
  close(): void {
    for (const link of this.#links) link.destroy();
    this.#links.length = 0;
  }

  /** The params of a request to `path`. */
  params(path: string, options: RequestOptions = {}): [string, string | Uint8Array][] {
    const [script, query = ""] = path.split("?") as [string, string?];
    const length =
      options.length === undefined && options.body !== undefined
        ? String(options.body.length)
        : (options.length ?? null);
    const list: [string, string | Uint8Array][] = [
      ["REQUEST_METHOD", options.method ?? (options.body === undefined ? "GET" : "POST")],
      ["REQUEST_URI", path],
      ["SCRIPT_NAME", script],
      ["QUERY_STRING", query],
      ["SERVER_PROTOCOL", "HTTP/1.1"],
      ["GATEWAY_INTERFACE", "CGI/1.1"],
      ["SERVER_NAME", "localhost"],
      ["SERVER_PORT", "80"],
      ["REMOTE_ADDR", "127.0.0.1"],
      ["HTTP_HOST", "localhost"],
    ];
    for (const [name, value] of this.target.params) list.push([name, value]);
    if (length !== null) list.push(["CONTENT_LENGTH", length]);
    if (options.body !== undefined) list.push(["CONTENT_TYPE", "application/octet-stream"]);
    for (const [name, value] of options.params ?? []) list.push([name, value]);
    return list;
  }

  /** BEGIN_REQUEST and all params, with the empty record that ends them. */
  head(id: number, path: string, options: RequestOptions = {}): Buffer {
    return wire.requestHead(id, this.params(path, options), options.flags, options.role);
  }

  /** A whole request. */
  request(id: number, path: string, options: RequestOptions = {}): Buffer {
    const body = options.body ?? "";
    const bytes = typeof body === "string" ? Buffer.from(body, "latin1") : body;
    return Buffer.concat([this.head(id, path, options), wire.requestBody(id, bytes)]);
  }

  /** Sends a whole request on `link` and takes its response. */
  async ask(link: Link, id: number, path: string, options: RequestOptions = {}): Promise<ReceivedResponse> {
    link.send(this.request(id, path, options));
    return this.expressible(await link.response(id));
  }

  /** Sends a whole request on a connection of its own. */
  async get(path: string, options: RequestOptions = {}): Promise<ReceivedResponse> {
    return this.ask(await this.open(), 1, path, { flags: 0, ...options });
  }

  /** By the contract, 501 says that the platform cannot express what the path asks for. */
  expressible(response: ReceivedResponse): ReceivedResponse {
    if (response.status === 501) throw new NotApplicable("the contract application cannot express it");
    return response;
  }

  /** Checks that the response names the token of its request. */
  served(response: ReceivedResponse, token: string): void {
    same(response.protocolStatus, 0, "protocolStatus");
    check(
      response.text.includes(`CONF_TOKEN=${hex(token)}\n`),
      `response of the request with the token ${token}`,
    );
  }

  /** A request whose response names `token`. */
  tokenRequest(id: number, token: string, options: RequestOptions = {}): Buffer {
    return this.request(id, "/params", {
      ...options,
      params: [...(options.params ?? []), ["CONF_TOKEN", token]],
    });
  }

  /** Sends a request with `token` on `link` and checks its response. */
  async servesOn(
    link: Link,
    id: number,
    token: string,
    options: RequestOptions = {},
  ): Promise<ReceivedResponse> {
    link.send(this.tokenRequest(id, token, options));
    const response = await link.response(id);
    this.served(response, token);
    return response;
  }

  /** Checks that the application serves a request on a new connection. */
  async serves(): Promise<void> {
    const link = await Link.open(this.target.address, this.target.timeoutMs).catch(() => {
      throw new Failure("accepts no connection any more");
    });
    try {
      await this.servesOn(link, 1, "alive", { flags: 0 });
      this.#peak = Math.max(this.#peak, this.memory());
    } catch (error) {
      throw new Failure(`another connection is not served: ${(error as Error).message}`);
    } finally {
      link.destroy();
    }
  }

  /** Sends FCGI_GET_VALUES and returns the values of the result. */
  async values(link: Link, names: readonly string[]): Promise<[string, string][]> {
    link.send(wire.record(wire.GET_VALUES, 0, wire.pairs(names.map((n) => [n, ""]))));
    return this.nextValues(link);
  }

  /** Takes the next FCGI_GET_VALUES_RESULT that has content, or an empty one if that was the only response. */
  async nextValues(link: Link): Promise<[string, string][]> {
    const isResult = (r: wire.Received) => r.type === wire.GET_VALUES_RESULT && r.id === 0;
    await link.until("GET_VALUES_RESULT", () => link.records.some(isResult));
    const at = link.records.findIndex(isResult);
    const [result] = link.records.splice(at, 1) as [wire.Received];
    const values = wire.readPairs(result.content);
    check(values !== undefined, "GET_VALUES_RESULT with lengths beyond its end");
    return values;
  }

  /** Returns the application's value for one name; undefined without one. */
  async value(name: string): Promise<string | undefined> {
    const link = await this.open();
    try {
      return (await this.values(link, [name])).find(([found]) => found === name)?.[1];
    } catch {
      return undefined;
    } finally {
      link.destroy();
    }
  }

  /** Ends the case as not applicable unless the application says FCGI_MPXS_CONNS=1. */
  async needsMultiplexing(): Promise<void> {
    if ((await this.value("FCGI_MPXS_CONNS")) !== "1") {
      throw new NotApplicable("the application does not say FCGI_MPXS_CONNS=1");
    }
  }

  /** Ends the case as not applicable if the application says that it takes fewer than `count` connections. */
  async needsConnections(count: number): Promise<void> {
    const value = await this.value("FCGI_MAX_CONNS");
    if (value !== undefined && Number(value) < count) {
      throw new NotApplicable(`the application says FCGI_MAX_CONNS=${value}`);
    }
  }

  /** Resident memory of the application in MiB; 0 if its process is not known. */
  memory(): number {
    if (this.target.pid === undefined) return 0;
    try {
      const status = readFileSync(`/proc/${this.target.pid}/status`, "latin1");
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    } catch {
      return 0;
    }
  }

  /** Fails if memory is, or was at a call of serves(), more than 64 MiB above `before`. */
  bounded(before: number): void {
    const growth = Math.round(Math.max(this.#peak, this.memory()) - before);
    check(growth <= 64, `memory grew by ${growth} MiB, at most 64 allowed`);
  }
}

/** The bytes of `text` as the contract applications print values. */
export function hex(text: string): string {
  return Buffer.from(text, "latin1").toString("hex");
}
