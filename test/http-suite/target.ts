/** Frameworks in which the behaviours are mounted. */
export type AppName = "plain" | "express5" | "express4" | "connect";

/** What stands between the client and the application. */
export type ServerName =
  | "node:http"
  | "gateway"
  | "nginx"
  | "Caddy"
  | "Apache"
  | "mod_fcgid"
  | "lighttpd"
  | "HAProxy"
  | "h2o";

/** An address to connect to. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A started target: the web server, and behind it the contract application. */
export interface RunningTarget extends Address {
  /** Where the same application responds over TLS with any certificate; without it the TLS cases are left out. */
  readonly tls?: Address;
  /**
   * Where the control listener listens (`startControl()` of app.ts, in the application's process). Cases ask
   * there what the application saw and release what it holds back; so the web server cannot get in the way.
   */
  readonly control: Address;
  /** Stops the web server and the application. */
  close(): Promise<void>;
}

/** A target as its test file describes it: names, known when tests are registered, and how to start it. */
export interface Target {
  readonly server: ServerName;
  /** The configuration of the web server, for instance `"unix, keep-alive"`; entries of differences.ts may name it. */
  readonly variant?: string;
  readonly app: AppName;
  /** Whether `start()` gives a `tls` address. */
  readonly tls?: boolean;
  /** Called once, before the first case. */
  start(): Promise<RunningTarget>;
}

/** What a case gets to work with. */
export interface CaseContext extends RunningTarget {
  readonly server: ServerName;
  readonly app: AppName;
  /** Aborted when the time of the case is over. */
  readonly signal: AbortSignal;
}

/**
 * What a selection of cases may name beside their ids:
 * - `transport`: how a web server reaches the application can change the result.
 * - `waits`: some web servers keep the application or the client waiting for seconds.
 * - `one-process`: can run where one process handles one request at a time.
 */
export type Tag = "transport" | "waits" | "one-process";

/** One behaviour, with the same result expected over `node:http` and over FastCGI behind anything. */
export interface Case {
  /** Its file and a name that stays when the sentence changes, for instance `endings/client-gone`. */
  readonly id: string;
  /** A sentence in the present tense, unique in the suite. */
  readonly name: string;
  readonly tags?: readonly Tag[];
  /** The applications that have what the case needs; all of them by default. */
  readonly apps?: readonly AppName[];
  /**
   * Left out over `node:http` itself: what the library promises beyond it, such as surviving a handler that
   * throws.
   */
  readonly fastcgiOnly?: true;
  /** Needs `RunningTarget.tls`. */
  readonly tls?: true;
  /** Moves 200 MB; left out with `{ big: false }`. */
  readonly big?: true;
  run(t: CaseContext): Promise<void>;
}

/** Returns the name of a target as test names and reports show it. */
export function targetName(target: Target): string {
  const server = target.variant ? `${target.server} (${target.variant})` : target.server;
  return `${target.app} app, ${server}`;
}
