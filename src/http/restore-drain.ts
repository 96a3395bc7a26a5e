import { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { RequestSocket } from "./request-socket.ts";

/**
 * Makes `res` emit `drain` and forget that it needs one.
 *
 * Emitting the event is not enough: `res.writableNeedDrain` would stay true, and the next stream piped into
 * `res` would wait for a `drain` that never comes. node:http clears the flag when a response that has output
 * waiting gets its socket, so that is what is done here: take the socket away, write nothing, give it back.
 */
export function restoreDrain(res: ServerResponse, socket: RequestSocket): void {
  // RequestSocket stands for a net.Socket: ServerResponse asks for no more than it has.
  const connection = socket as unknown as Socket;
  if (res.socket !== connection) return;
  res.detachSocket(connection);
  // Not res.write(), which middleware may have replaced.
  ServerResponse.prototype.write.call(res, "", "latin1");
  res.assignSocket(connection);
  // `res` hears `close` before those who listened to the socket after it had its response.
  if (socket.listenerCount("close") < 2) return;
  const listener = socket.rawListeners("close").at(-1) as () => void;
  socket.removeListener("close", listener).prependListener("close", listener);
}
