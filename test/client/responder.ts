/** A FastCGI application written by hand, record by record: what the client is tested against. */
import { once } from "node:events";
import net, { type Socket } from "node:net";
import type { TestContext } from "node:test";
import {
  decodeBeginRequest,
  decodeNameValuePairs,
  encodeEndRequest,
  encodeNameValuePairs,
  encodeRecord,
  encodeStream,
  encodeStreamEnd,
  type FastCGIRecord,
  KEEP_CONN,
  type ProtocolStatus,
  RecordParser,
  RecordType,
} from "../../src/protocol/index.ts";

/** One request as the application sees it. */
export class ReceivedRequest {
  readonly socket: Socket;
  readonly requestId: number;
  readonly role: number;
  readonly keepConn: boolean;
  params: [string, string][] = [];
  stdinLength = 0;
  /** Resolves with FCGI_STDIN. */
  readonly body: Promise<Buffer>;
  readonly data: Promise<Buffer>;
  /** Resolves with FCGI_ABORT_REQUEST. */
  readonly aborted: Promise<void>;
  readonly streams: Record<4 | 5 | 8, Buffer[]> = { 4: [], 5: [], 8: [] };
  endStdin!: () => void;
  endData!: () => void;
  abort!: () => void;

  constructor(socket: Socket, record: FastCGIRecord) {
    this.socket = socket;
    this.requestId = record.requestId;
    const { role, flags } = decodeBeginRequest(record.content);
    this.role = role;
    this.keepConn = (flags & KEEP_CONN) !== 0;
    this.body = new Promise((resolve) => {
      this.endStdin = () => resolve(Buffer.concat(this.streams[5]));
    });
    this.data = new Promise((resolve) => {
      this.endData = () => resolve(Buffer.concat(this.streams[8]));
    });
    this.aborted = new Promise((resolve) => {
      this.abort = resolve;
    });
  }

  param(name: string): string | undefined {
    return this.params.find((pair) => pair[0] === name)?.[1];
  }

  /** Sends FCGI_STDOUT; false if the socket has enough. */
  write(text: string | Buffer): boolean {
    for (const buffer of encodeStream(RecordType.STDOUT, this.requestId, Buffer.from(text))) {
      this.socket.write(buffer);
    }
    return !this.socket.writableNeedDrain;
  }

  writeError(text: string): void {
    for (const buffer of encodeStream(RecordType.STDERR, this.requestId, Buffer.from(text))) {
      this.socket.write(buffer);
    }
  }

  /** Sends the end of FCGI_STDOUT and FCGI_END_REQUEST; closes the connection if it is not to be kept. */
  end(text = "", appStatus = 0, protocolStatus: ProtocolStatus = 0): void {
    this.socket.cork();
    if (text !== "") this.write(text);
    this.socket.write(encodeStreamEnd(RecordType.STDOUT, this.requestId));
    this.socket.write(encodeEndRequest(this.requestId, appStatus, protocolStatus));
    this.socket.uncork();
    if (!this.keepConn) this.socket.end();
  }
}

export interface Responder {
  readonly port: number;
  /** All connections so far. */
  readonly sockets: Socket[];
  close(): void;
}

/** Starts an application that calls `onRequest` when a request's params are complete. */
export async function startResponder(
  t: TestContext,
  onRequest: (request: ReceivedRequest) => void,
  values?: Record<string, string>,
): Promise<Responder> {
  const sockets: Socket[] = [];
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    const parser = new RecordParser();
    const requests = new Map<number, ReceivedRequest>();
    socket.on("data", (chunk) => {
      for (const record of parser.push(chunk)) {
        if (record.type === RecordType.GET_VALUES && values) {
          const result = encodeNameValuePairs(Object.entries(values));
          socket.write(encodeRecord(RecordType.GET_VALUES_RESULT, 0, result));
        } else {
          receive(socket, requests, record, onRequest);
        }
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  t.after(close);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port, sockets, close };
}

function receive(
  socket: Socket,
  requests: Map<number, ReceivedRequest>,
  record: FastCGIRecord,
  onRequest: (request: ReceivedRequest) => void,
): void {
  const { type, requestId, content } = record;
  if (type === RecordType.BEGIN_REQUEST) requests.set(requestId, new ReceivedRequest(socket, record));
  const request = requests.get(requestId);
  if (!request) return;
  if (type === RecordType.ABORT_REQUEST) request.abort();
  if (type !== RecordType.PARAMS && type !== RecordType.STDIN && type !== RecordType.DATA) return;
  if (type === RecordType.STDIN) request.stdinLength += content.length;
  if (content.length > 0) {
    request.streams[type].push(content);
  } else if (type === RecordType.PARAMS) {
    request.params = decodeNameValuePairs(Buffer.concat(request.streams[4]), "latin1");
    onRequest(request);
  } else if (type === RecordType.STDIN) {
    request.endStdin();
  } else {
    request.endData();
  }
}
