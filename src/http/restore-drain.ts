import type { EventEmitter } from "node:events";
import { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Makes `res` emit `drain` and resets its `writableNeedDrain`.
 *
 * Emitting the event would not be enough: `res.writableNeedDrain` would stay true, and the next stream that is piped
 * into `res` would wait for another `drain`. node:http resets the flag when a response with buffered output gets its
 * socket, so this detaches the socket, writes nothing, and assigns the socket again.
 *
 * @param socket of `res`; stands for a `net.Socket`
 */
export function restoreDrain(res: ServerResponse, socket: EventEmitter): void {
  const connection = socket as unknown as Socket;
  if (res.socket !== connection) return;
  res.detachSocket(connection);
  // Not res.write(): middleware may have replaced it.
  ServerResponse.prototype.write.call(res, "", "latin1");
  res.assignSocket(connection);
  // assignSocket() has added the `close` listener of `res` last; it has to run before those of the application.
  if (socket.listenerCount("close") < 2) return;
  const listener = socket.rawListeners("close").at(-1) as () => void;
  socket.removeListener("close", listener).prependListener("close", listener);
}
