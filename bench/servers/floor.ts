import { createServer, type Server } from "node:net";
import {
  encodeEndRequest,
  encodeStream,
  encodeStreamEnd,
  ProtocolStatus,
  RecordType,
} from "../../src/protocol/index.ts";

/**
 * A bare `net` server that answers each request with the same bytes and reads nothing but what it must:
 * no server in Node.js can cost less.
 */
export function createFloor(): Server {
  const date = new Date().toUTCString();
  const head = `Status: 200 OK\r\nContent-Type: text/plain\r\nDate: ${date}\r\nContent-Length: 14\r\n\r\n`;
  const answer = Buffer.concat([
    ...encodeStream(RecordType.STDOUT, 1, Buffer.from(`${head}Hello, world!\n`)),
    encodeStreamEnd(RecordType.STDOUT, 1),
    encodeEndRequest(1, 0, ProtocolStatus.REQUEST_COMPLETE),
  ]);
  return createServer((socket) => {
    let keepConn = false;
    let isBeginning = true;
    socket.on("data", (chunk) => {
      if (isBeginning) keepConn = chunk[10] === 1;
      // The load generator's requests end in an empty STDIN record, and chunks end with them.
      const end = chunk.length - 8;
      isBeginning = chunk[end + 1] === RecordType.STDIN && chunk[end + 5] === 0 && chunk[end + 4] === 0;
      if (!isBeginning) return;
      socket.write(answer);
      if (!keepConn) socket.destroySoon();
    });
    socket.on("error", () => socket.destroy());
  });
}
