import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { FastCGIClient, type FastCGIResponse } from "../../src/client/index.ts";
import {
  type CGIFunction,
  cgiListener,
  createServer,
  type FastCGIServer,
  type FastCGIServerOptions,
} from "../../src/index.ts";

/** A FastCGI server on a free port, and a client for it. */
export interface Started {
  readonly server: FastCGIServer;
  readonly port: number;
  readonly client: FastCGIClient;
  /** Errors of the server's `requestError` event. */
  readonly errors: Error[];
}

/** Starts a server and stops it with the test. */
export async function startServer(t: TestContext, server: FastCGIServer): Promise<Started> {
  const errors: Error[] = [];
  server.on("requestError", (error: Error) => errors.push(error));
  server.listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = new FastCGIClient(port);
  t.after(() => {
    client.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { server, port, client, errors };
}

/** Starts a server for a CGI function. */
export function startFunction(
  t: TestContext,
  handler: CGIFunction,
  options: FastCGIServerOptions = {},
): Promise<Started> {
  return startServer(t, createServer(options, cgiListener(handler)));
}

/** The parts of an answer that tests compare. */
export async function read(
  response: FastCGIResponse,
): Promise<{ status: number; headers: Record<string, string | string[]>; body: string; stderr: string }> {
  const [body, stderr] = await Promise.all([text(response.body), text(response.stderr)]);
  return { status: response.statusCode, headers: response.headers, body, stderr };
}

/** A folder that goes with the test. */
export function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "serve-fastcgi-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const GET = { REQUEST_METHOD: "GET", REQUEST_URI: "/", SERVER_PROTOCOL: "HTTP/1.1" };
