import type { OptionKinds } from "./option-kinds.ts";

/** Options of a {@link FastCGIClient}. */
export interface FastCGIClientOptions {
  /**
   * Whether connections are kept open for further requests (FCGI_KEEP_CONN). The default is for applications that
   * serve one connection at a time (a php-fpm worker, most programs with libfcgi): an idle connection would block
   * them for other web servers.
   *
   * @defaultValue false
   */
  keepConn?: boolean | undefined;
  /**
   * Whether requests share connections if the application allows it, which FCGI_GET_VALUES asks once, before the
   * first request. Implies `keepConn`. Requests of one connection share its flow control: a response that is read
   * slowly slows down the others.
   *
   * @defaultValue false
   */
  multiplex?: boolean | undefined;
  /** Number of connections that are open at once. Further requests are queued. @defaultValue 100 */
  maxConnections?: number | undefined;
  /**
   * Number of queued requests. Further ones are rejected with a `LimitError`.
   *
   * @defaultValue 10000
   */
  maxWaitingRequests?: number | undefined;
  /** Time in ms after which an idle connection is closed; 0 for never. @defaultValue 10000 */
  keepAliveTimeout?: number | undefined;
  /**
   * Time without progress, in ms, until the head of a response is complete; 0 for no limit. The request is then
   * aborted and rejected with a `TimeoutError`. Time in the queue counts.
   *
   * @defaultValue 0
   */
  headersTimeout?: number | undefined;
  /**
   * Length of the head of a response in bytes. A request whose response has a longer one is rejected with a
   * `ResponseError`.
   *
   * @defaultValue 65536
   */
  maxHeaderSize?: number | undefined;
}

/** The options of a client, for functions that pass them on. */
export const CLIENT_OPTIONS: OptionKinds<FastCGIClientOptions> = {
  keepConn: "boolean",
  multiplex: "boolean",
  maxConnections: "count",
  maxWaitingRequests: "count",
  keepAliveTimeout: "time",
  headersTimeout: "time",
  maxHeaderSize: "length",
};
