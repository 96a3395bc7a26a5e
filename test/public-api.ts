/** Compiled, never run: what the types of the package promise. package.test.ts compiles it against the tarball, too. */
import { type IncomingMessage, Server, type ServerResponse } from "node:http";
import { createGateway, FastCGIClient, overFastCGI } from "../src/client/index.ts";
import {
  createServer,
  FastCGIError,
  type FastCGIErrorCode,
  FastCGIServer,
  type FastCGIServerOptions,
  fastcgi,
  ProtocolError,
  serveFastCGI,
  serveHTTP,
} from "../src/index.ts";
import { RecordParser, RecordType } from "../src/protocol/index.ts";

const app = (_req: IncomingMessage, res: ServerResponse): void => void res.end();
const options: FastCGIServerOptions = { maxHeaderSize: 65_536, shutdownTimeout: 5000, keepAliveTimeout: 0 };

export const servers: FastCGIServer[] = [
  serveFastCGI(app, 1234),
  serveFastCGI(app, "/run/app.sock"),
  serveFastCGI(app, { port: 1234, host: "127.0.0.1", signals: true, ...options }),
  serveFastCGI(app),
  serveFastCGI(app, () => {}),
  serveFastCGI(app, 1234, () => {}),
  fastcgi(
    () => "text",
    { path: "/run/app.sock", mode: 0o660 },
    () => {},
  ),
  createServer(app),
  createServer(options, app),
  createServer(null),
  createServer({}, null),
  new FastCGIServer(options),
];
export const plain: Server[] = [
  serveHTTP(app, { port: 8080, shutdownTimeout: 5, maxHeaderSize: 65_536 }),
  overFastCGI(app),
  ...servers,
];
export const stdout: 6 = RecordType.STDOUT;
export const client: FastCGIClient = new FastCGIClient(1234);
export const gateway: (req: IncomingMessage, res: ServerResponse) => void = createGateway(1234);
export const records: readonly { readonly type: number }[] = new RecordParser().push(Buffer.alloc(0));

export function codeOf(error: unknown): FastCGIErrorCode | undefined {
  if (error instanceof ProtocolError) return error.code;
  return error instanceof FastCGIError ? error.code : undefined;
}

// @ts-expect-error a target is a port, a path or an object
serveFastCGI(app, true);
// @ts-expect-error an environment variable may be unset
serveFastCGI(app, process.env.PORT);
// @ts-expect-error a host goes into { port, host }
serveFastCGI(app, 1234, "::1");
// @ts-expect-error plain HTTP has no roles
serveHTTP(app, { port: 8080, roles: {} });
// @ts-expect-error a Promise is no application
serveFastCGI(Promise.resolve(app), 1234);
// @ts-expect-error options are checked by name
createServer({ maxHeadersize: 1 });
// @ts-expect-error the code of an error is one of a list
export const wrong: FastCGIErrorCode = "ERR_OTHER";
export const isServer: boolean = servers[0] instanceof Server;
