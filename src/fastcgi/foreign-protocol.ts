import type { Server, Socket } from "node:net";
import { FASTCGI_DIRECTIVES } from "../cgi/front-ends.ts";
import { protocolOf } from "../protocol/record-reader.ts";

/** What operators send to a FastCGI port by mistake. */
export type ForeignProtocol = "HTTP" | "TLS";

const BODY = `this port speaks FastCGI: ${FASTCGI_DIRECTIVES} in the place of an HTTP proxy\n`;
const RESPONSE =
  "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
  `Content-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`;

/** Milliseconds, and bytes, that the rest of a request is read for after its response. */
const LINGER_TIMEOUT = 1000;
const LINGER_LENGTH = 1_048_576;

/** A method, and the blank after it; `PRI ` begins HTTP/2. */
const REQUEST_LINE = /^[A-Z][A-Z-]{2,} /;

/** Tells HTTP and TLS by the first chunk of a connection, where that is the last one that came. */
export function foreignProtocol(socket: Socket, chunk: Buffer): ForeignProtocol | undefined {
  if (socket.bytesRead !== chunk.length) return undefined;
  const protocol = protocolOf(chunk[0]!);
  const isIt = protocol === "HTTP" ? REQUEST_LINE.test(chunk.toString("latin1", 0, 32)) : chunk[1] === 3;
  return isIt ? protocol : undefined;
}

/**
 * Answers HTTP with 400 and what to do about it, and closes the connection.
 *
 * The rest of the request is read and dropped for a while: a close with unread input would reset the connection, and
 * the client's system would drop the response with it.
 *
 * @param onClose is called when the connection is destroyed
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

/** Says in one line on stderr that a web server is not set up for FastCGI. */
export function reportForeignProtocol(protocol: ForeignProtocol, server: Server, socket: Socket): void {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? `port ${address.port}` : `socket ${address}`;
  const from = socket.remoteAddress === undefined ? "" : ` by ${socket.remoteAddress}`;
  process.stderr.write(
    `serve-fastcgi: ${protocol} was sent to FastCGI's ${port}${from}: ${FASTCGI_DIRECTIVES}; told once, see the clientError event\n`,
  );
}
