import type { Socket } from "node:net";
import type { ApplicationLimits } from "../connection/application-request.ts";
import type { FastCGIConnection } from "./connection.ts";
import type { ForeignProtocol } from "./foreign-protocol.ts";
import type { FastCGIRequest } from "./request.ts";

/** What a connection needs of the server it belongs to. Lengths are bytes. */
export interface ConnectionOwner {
  readonly limits: ApplicationLimits;
  /** Number of the current tick of the server's coarse clock. */
  readonly tick: number;
  /** What is read and thrown away of a body after an early answer. */
  readonly lingerLength: number;
  /** STDIN that a request may hold unread before its connection is paused, where it has neighbours. */
  readonly maxBufferedStdin: number;
  /** Output of one connection that is handed to the socket at a time. */
  readonly maxOutputLength: number;
  onRequest(request: FastCGIRequest): void;
  /** Nothing more has to be done for a request. It may be called again. */
  onRequestEnd(request: FastCGIRequest): void;
  /** A request is answered, and nobody wants the rest of its STDIN. */
  onDiscard(request: FastCGIRequest): void;
  onConnectionError(error: Error, socket: Socket): void;
  /** The first bytes of a connection are another protocol's. */
  onForeignProtocol(protocol: ForeignProtocol, error: Error, connection: FastCGIConnection): void;
  onConnectionClose(connection: FastCGIConnection): void;
}
