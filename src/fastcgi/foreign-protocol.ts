import type { Server, Socket } from "node:net";
import { FASTCGI_DIRECTIVES } from "../cgi/front-ends.ts";
import { plainTextResponse } from "../http/plain-text.ts";
import { protocolOf } from "../protocol/record-reader.ts";

/** Protocols that reach a FastCGI port by mistake. */
export type ForeignProtocol = "HTTP" | "TLS";

const RESPONSE = plainTextResponse(
  400,
  `this port speaks FastCGI: ${FASTCGI_DIRECTIVES} in the place of an HTTP proxy\n`,
  "Connection: close\r\n",
);

/** Milliseconds and bytes for which input is drained after the response. */
const LINGER_TIMEOUT = 1000;
const LINGER_LENGTH = 1_048_576;

/** A method and a space; `PRI ` begins HTTP/2. */
const REQUEST_LINE = /^[A-Z][A-Z-]{2,} /;

/** Recognizes HTTP and TLS by the first chunk of a connection; undefined for later chunks. */
export function foreignProtocol(socket: Socket, chunk: Buffer): ForeignProtocol | undefined {
  if (socket.bytesRead !== chunk.length) return undefined;
  const protocol = protocolOf(chunk[0]!);
  const isMatch = protocol === "HTTP" ? REQUEST_LINE.test(chunk.toString("latin1", 0, 32)) : chunk[1] === 3;
  return isMatch ? protocol : undefined;
}

/**
 * Responds to HTTP with 400 and a hint for the operator, and closes the connection.
 *
 * Drains the rest of the request for a while: closing with unread input would send RST, and the client would lose the
 * response.
 *
 * @param onClose called when the connection is closed
 */
export function respondToHTTP(socket: Socket, onClose: () => void): void {
  let length = 0;
  const timer = setTimeout(() => socket.destroy(), LINGER_TIMEOUT).unref();
  socket.removeAllListeners("data");
  socket.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > LINGER_LENGTH) socket.destroy();
  });
  socket.once("close", () => {
    clearTimeout(timer);
    onClose();
  });
  socket.end(RESPONSE);
}

/** Writes a line to stderr about a web server that is not configured for FastCGI. */
export function reportForeignProtocol(protocol: ForeignProtocol, server: Server, socket: Socket): void {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? `port ${address.port}` : `socket ${address}`;
  const from = socket.remoteAddress === undefined ? "" : ` by ${socket.remoteAddress}`;
  process.stderr.write(
    `serve-fastcgi: ${protocol} was sent to FastCGI's ${port}${from}: ${FASTCGI_DIRECTIVES}; told once, see the clientError event\n`,
  );
}
