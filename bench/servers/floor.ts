import { createServer, type Server, type Socket } from "node:net";
import {
  encodeEndRequest,
  encodeRecord,
  encodeStream,
  encodeStreamEnd,
  ProtocolStatus,
  RecordType,
} from "../../src/protocol/index.ts";
import { BODY_PIECE_LENGTH } from "../requests.ts";

const FILE_LENGTH = Number(process.env.BENCH_FILE_LENGTH ?? 0);

/**
 * A bare `net` server that responses each request with the same bytes and reads nothing but what it must:
 * no server in Node.js can cost less.
 */
export function createFloor(application: string): Server {
  const respond = application === "bytes" ? writePieces : writeHello();
  return createServer((socket) => {
    let keepConn = false;
    let isBeginning = true;
    socket.on("data", (chunk) => {
      if (isBeginning) keepConn = chunk[10] === 1;
      // The load generator's requests end in an empty STDIN record, and chunks end with them.
      const end = chunk.length - 8;
      isBeginning = chunk[end + 1] === RecordType.STDIN && chunk[end + 5] === 0 && chunk[end + 4] === 0;
      if (!isBeginning) return;
      respond(socket);
      if (!keepConn) socket.destroySoon();
    });
    socket.on("error", () => socket.destroy());
  });
}

function encodeText(text: string): Buffer {
  return Buffer.concat([...encodeStream(RecordType.STDOUT, 1, Buffer.from(text))]);
}

function encodeEnd(): Buffer {
  const end = encodeEndRequest(1, 0, ProtocolStatus.REQUEST_COMPLETE);
  return Buffer.concat([encodeStreamEnd(RecordType.STDOUT, 1), end]);
}

function writeHello(): (socket: Socket) => void {
  const date = new Date().toUTCString();
  const head = `Status: 200 OK\r\nContent-Type: text/plain\r\nDate: ${date}\r\nContent-Length: 14\r\n\r\n`;
  const response = Buffer.concat([encodeText(`${head}Hello, world!\n`), encodeEnd()]);
  return (socket) => {
    socket.write(response);
  };
}

/** Writes a long body in records that are ready. */
function writePieces(socket: Socket): void {
  const piece = encodeRecord(RecordType.STDOUT, 1, Buffer.alloc(BODY_PIECE_LENGTH, "x"));
  let rest = FILE_LENGTH;
  socket.write(encodeText(`Content-Type: application/octet-stream\r\nContent-Length: ${rest}\r\n\r\n`));
  const more = (): void => {
    while (rest > 0) {
      rest -= BODY_PIECE_LENGTH;
      if (!socket.write(piece)) {
        socket.once("drain", more);
        return;
      }
    }
    socket.write(encodeEnd());
  };
  more();
}
