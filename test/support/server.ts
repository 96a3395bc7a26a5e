import { once } from "node:events";
import type { Server as HTTPServer, RequestListener } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { FastCGIClient, type FastCGIResponse } from "../../src/client/index.ts";
import {
  type CGIFunction,
  cgiListener,
  createServer,
  FastCGIServer,
  type FastCGIServerOptions,
} from "../../src/index.ts";
import { Link } from "./link.ts";

/** A server under test, on a free port of 127.0.0.1. */
export interface Started {
  readonly server: FastCGIServer;
  readonly port: number;
  /** Connects as a web server does, with every record under the test's control. Closed with the test. */
  open(): Promise<Link>;
  /** A client of the server, closed with the test. */
  readonly client: FastCGIClient;
}

/** Starts a server on a free port. It is closed with the test. */
export async function startServer(t: Pick<TestContext, "after">, server: FastCGIServer): Promise<Started>;
export async function startServer(
  t: Pick<TestContext, "after">,
  options: FastCGIServerOptions,
  app: RequestListener,
): Promise<Started>;
export async function startServer(
  t: Pick<TestContext, "after">,
  serverOrOptions: FastCGIServer | FastCGIServerOptions,
  app?: RequestListener,
): Promise<Started> {
  const server =
    serverOrOptions instanceof FastCGIServer ? serverOrOptions : createServer(serverOrOptions, app);
  const port = await listen(server);
  const client = new FastCGIClient(port);
  const links: Link[] = [];
  t.after(() => {
    for (const link of links) link.destroy();
    client.destroy();
    server.close();
    server.closeAllConnections();
  });
  const open = async (): Promise<Link> => {
    const link = await Link.open({ host: "127.0.0.1", port }, 10_000);
    links.push(link);
    return link;
  };
  return { server, port, open, client };
}

/** Starts a server for a CGI function, and collects the errors of its requests. */
export async function startFunction(
  t: TestContext,
  handler: CGIFunction,
  options: FastCGIServerOptions = {},
): Promise<Started & { readonly errors: Error[] }> {
  const started = await startServer(t, options, cgiListener(handler));
  return { ...started, errors: collectErrors(started.server) };
}

/** Collects the errors of `requestError`. With this listener the server prints none. */
export function collectErrors(server: HTTPServer): Error[] {
  const errors: Error[] = [];
  server.on("requestError", (error: Error) => errors.push(error));
  return errors;
}

/** Listens on a port of 127.0.0.1, by default a free one, and returns the port. */
export async function listen(server: Server, port = 0): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Listens on a free port of 127.0.0.1 until the test ends, and returns the port. */
export async function listenDuring(t: Pick<TestContext, "after">, server: HTTPServer): Promise<number> {
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return await listen(server);
}

/** Waits for the next `clientError` and returns its code. */
export async function clientErrorCode(server: FastCGIServer): Promise<string> {
  const [error] = (await once(server, "clientError")) as [{ code: string }];
  return error.code;
}

/** The params of the plainest request of {@link FastCGIClient}. */
export const GET = { REQUEST_METHOD: "GET", REQUEST_URI: "/", SERVER_PROTOCOL: "HTTP/1.1" };

/** Reads a response of {@link FastCGIClient} to its end. */
export async function read(
  response: FastCGIResponse,
): Promise<{ status: number; headers: Record<string, string | string[]>; body: string; stderr: string }> {
  const [body, stderr] = await Promise.all([text(response.body), text(response.stderr)]);
  return { status: response.statusCode, headers: response.headers, body, stderr };
}
