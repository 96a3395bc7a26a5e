import type { Address } from "../processes.ts";

/** What the runner asks of the load generator. */
export type LoadCommand =
  | { readonly kind: "open"; readonly target: LoadTarget }
  | { readonly kind: "probe"; readonly target: LoadTarget }
  | { readonly kind: "run"; readonly milliseconds: number; readonly requests: number }
  | { readonly kind: "send" }
  | { readonly kind: "listen"; readonly milliseconds: number }
  | { readonly kind: "close" };

/** Whom to ask what, and how. */
export interface LoadTarget {
  readonly address: Address;
  readonly protocol: "fastcgi" | "http";
  /** Connections that are open at the same time, each with one request in flight. */
  readonly connections: number;
  /** Whether a connection serves one request after the other. */
  readonly keep: boolean;
  /** The bytes of one request. */
  readonly request: Uint8Array;
  /** Length of a body to send after them. */
  readonly bodyLength: number;
}

/** What the load generator counted. */
export interface LoadResult {
  readonly requests: number;
  /** Responses that were cut off, or shorter or longer than the first. */
  readonly errors: number;
  readonly seconds: number;
  /** Bytes of STDOUT over FastCGI, of bodies over HTTP. */
  readonly content: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  /** The first error, in words. */
  readonly firstError: string;
}

/** One whole response. */
export interface ProbeResult {
  readonly statusCode: number;
  readonly bodyLength: number;
  readonly head: string;
}
