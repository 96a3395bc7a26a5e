import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Echo } from "./app/echo.ts";
import { Connection, type HTTPResponse } from "./client.ts";
import type { CaseContext } from "./target.ts";

/** A request to send. */
export interface RequestToSend {
  readonly method?: string;
  /** The request target, as Latin-1. */
  readonly path?: string;
  /** Field lines in order; `Host`, `Content-Length` and `Connection` are added where missing. */
  readonly fields?: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Buffer;
  /** Sends the body chunked, one chunk for each element, without `Content-Length`. */
  readonly chunks?: readonly (string | Buffer)[];
  readonly httpVersion?: "1.0" | "1.1";
  readonly tls?: boolean;
}

/** Returns the bytes of a request's head. */
export function requestHead(t: CaseContext, request: RequestToSend, keepAlive = false): string {
  const fields = [...(request.fields ?? [])];
  const has = (name: string) => fields.some(([key]) => key.toLowerCase() === name);
  const add = (name: string, value: string) => {
    if (!has(name.toLowerCase())) fields.push([name, value]);
  };
  const address = request.tls ? (t.tls ?? t) : t;
  if (request.httpVersion !== "1.0") add("Host", `${address.host}:${address.port}`);
  if (request.body !== undefined) add("Content-Length", String(Buffer.byteLength(request.body)));
  if (request.chunks) add("Transfer-Encoding", "chunked");
  if (!keepAlive) add("Connection", "close");
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${request.method ?? "GET"} ${request.path ?? "/"} HTTP/${request.httpVersion ?? "1.1"}\r\n${lines}\r\n`;
}

/** Frames one chunk of a chunked body. */
export function chunkOf(bytes: string | Buffer): Buffer {
  const content = Buffer.from(bytes as string);
  return Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from("\r\n")]);
}

/** Sends a request on an open connection. */
export async function sendOn(
  connection: Connection,
  t: CaseContext,
  request: RequestToSend,
  keepAlive = true,
): Promise<void> {
  const head = requestHead(t, request, keepAlive);
  if (request.chunks) {
    await connection.write(head);
    for (const chunk of request.chunks) await connection.write(chunkOf(chunk));
    await connection.write("0\r\n\r\n");
  } else {
    await connection.write(
      Buffer.concat([Buffer.from(head, "latin1"), Buffer.from((request.body ?? "") as string)]),
    );
  }
}

/** Opens a connection to the target. */
export function open(t: CaseContext, tls = false): Promise<Connection> {
  return Connection.open(tls ? (t.tls ?? t) : t, t.signal, tls);
}

/** Sends a request on a connection of its own and reads the response. */
export async function send(t: CaseContext, request: RequestToSend): Promise<HTTPResponse> {
  const connection = await open(t, request.tls);
  try {
    await sendOn(connection, t, request, false);
    return await connection.response(request.method);
  } finally {
    connection.destroy();
  }
}

/** Sends a request and gives the JSON that the application responds with. */
export async function sendForJSON<T = unknown>(t: CaseContext, request: RequestToSend): Promise<T> {
  const response = await send(t, request);
  assert.equal(response.statusCode, 200, response.body.toString().slice(0, 500));
  assert.ok(response.complete, "the response is not complete");
  return JSON.parse(response.body.toString());
}

/** Sends a request to which the application responds with what it saw. */
export function sendForEcho(t: CaseContext, request: RequestToSend): Promise<Echo> {
  return sendForJSON<Echo>(t, request);
}

/** The control listener's report about an inspection. */
export interface InspectionReport {
  readonly events: string[];
  readonly figures: Record<string, number>;
  readonly memory?: number;
}

/** A request that the case can inspect and release through the control listener. */
export interface InspectionHandle {
  readonly id: string;
  /** Returns the path that runs a behaviour of the application in this inspection. */
  path(behaviour: string, query?: string): string;
  report(): Promise<InspectionReport>;
  /** Returns the bytes that the application's process uses, garbage not counted. */
  memory(): Promise<number>;
  release(): Promise<void>;
  /** Resolves when the application has noted the event. */
  noted(event: string): Promise<InspectionReport>;
}

/** Creates an inspection. */
export function newInspection(t: CaseContext): InspectionHandle {
  const id = randomUUID();
  const ask = async (action: string, query = ""): Promise<InspectionReport> => {
    const connection = await Connection.open(t.control, t.signal);
    try {
      await connection.write(
        `GET /${action}?id=${id}${query} HTTP/1.1\r\nHost: control\r\nConnection: close\r\n\r\n`,
      );
      return JSON.parse((await connection.response()).body.toString());
    } finally {
      connection.destroy();
    }
  };
  return {
    id,
    path: (behaviour, query = "") => `/_/${behaviour}?id=${id}${query ? `&${query}` : ""}`,
    report: () => ask("report"),
    memory: async () => (await ask("memory")).memory ?? assert.fail("no figure of memory"),
    release: async () => void (await ask("release")),
    noted: (event) => ask("wait", `&event=${encodeURIComponent(event)}`),
  };
}
