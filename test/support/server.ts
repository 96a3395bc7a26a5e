import { once } from "node:events";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { createServer, type FastCGIServer, type FastCGIServerOptions } from "../../src/index.ts";
import { Link } from "./link.ts";
import * as wire from "./wire.ts";

/** A server under test, and a way to connect to it as a web server would. */
export interface Started {
  readonly server: FastCGIServer;
  readonly port: number;
  readonly open: () => Promise<Link>;
}

/** Starts a server on a free port; it is gone when the test is. */
export async function startServer(
  t: Pick<TestContext, "after">,
  options: FastCGIServerOptions,
  app: RequestListener,
): Promise<Started> {
  const server = createServer(options, app);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const links: Link[] = [];
  t.after(() => {
    for (const link of links) link.destroy();
    server.close();
    server.closeAllConnections();
  });
  const open = async (): Promise<Link> => {
    const link = await Link.open({ host: "127.0.0.1", port }, 10_000);
    links.push(link);
    return link;
  };
  return { server, port, open };
}

/** What a request has beside its id. */
export interface RequestParts {
  readonly url?: string;
  readonly method?: string;
  readonly keepConn?: boolean;
  readonly params?: readonly (readonly [string, string])[];
  readonly body?: Uint8Array | string;
}

/** BEGIN_REQUEST and the whole params. */
export function head(id: number, parts: RequestParts = {}): Buffer {
  const { url = "/", method = "GET", keepConn = true, params = [] } = parts;
  const length = parts.body === undefined ? "" : String(Buffer.from(parts.body).length);
  const pairs = wire.pairs([
    ["REQUEST_METHOD", method],
    ["REQUEST_URI", url],
    ["SERVER_PROTOCOL", "HTTP/1.1"],
    ["CONTENT_LENGTH", length],
    ...params,
  ]);
  return Buffer.concat([
    wire.begin(id, keepConn ? wire.KEEP_CONN : 0),
    wire.stream(wire.PARAMS, id, pairs),
    wire.record(wire.PARAMS, id),
  ]);
}

/** A whole request. */
export function request(id: number, parts: RequestParts = {}): Buffer {
  const body = Buffer.from(parts.body ?? "");
  return Buffer.concat([head(id, parts), wire.stream(wire.STDIN, id, body), wire.record(wire.STDIN, id)]);
}

/** Waits for the next `clientError` and gives its code. */
export async function clientErrorCode(server: FastCGIServer): Promise<string> {
  const [error] = (await once(server, "clientError")) as [{ code: string }];
  return error.code;
}
