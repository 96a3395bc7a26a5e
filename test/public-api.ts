/** Compiled, never run: what the types of the package promise. package.test.ts compiles it against the tarball, too. */
import { type IncomingMessage, type RequestListener, Server, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex, Readable, Writable } from "node:stream";
import { createGateway, FastCGIClient, overFastCGI } from "../src/client/index.ts";
import {
  type AllowOptions,
  type AuthorizerContext,
  type CGIContext,
  type CGIRole,
  cgiListener,
  createServer,
  FastCGIError,
  type FastCGIErrorCode,
  type FastCGIIncomingMessage,
  type FastCGIRequestListener,
  FastCGIServer,
  type FastCGIServerEvents,
  type FastCGIServerOptions,
  type FastCGISocket,
  fastcgi,
  type HTTPTargetOptions,
  isFastCGISocket,
  ProtocolError,
  type Roles,
  type SendOptions,
  serveCGI,
  serveFastCGI,
  serveHTTP,
  type TargetOptions,
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

/** Accepts a value of exactly this type: neither `any` nor a wider one. */
function expectType<T>(): <U>(value: U, ...exact: Same<T, U> extends true ? [] : [never]) => void {
  return () => {};
}
type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;

type SocketOfRequest = Socket & FastCGISocket;

export function listenToEvents(server: FastCGIServer): void {
  for (const method of ["on", "addListener", "once", "prependListener", "prependOnceListener"] as const) {
    expectType<FastCGIServer>()(server[method]("listening", () => {}));
  }
  server.on("error", (error) => expectType<NodeJS.ErrnoException>()(error));
  server.addListener("error", (error) => expectType<NodeJS.ErrnoException>()(error));
  server.once("request", (req, res) => {
    expectType<FastCGIIncomingMessage>()(req);
    res.end(req.socket.params.REMOTE_USER);
  });
  server.prependListener("clientError", (error, socket) => {
    expectType<string | undefined>()(error.code);
    expectType<Duplex>()(socket);
    if (isFastCGISocket(socket)) expectType<CGIRole>()(socket.role);
  });
  server.prependOnceListener("requestError", (error, req, res) => {
    expectType<unknown>()(error);
    expectType<SocketOfRequest>()(req.socket);
    expectType<FastCGIIncomingMessage>()(res.req);
  });
  server.on("connection", (socket) => expectType<SocketOfRequest>()(socket));
  server.on("timeout", (socket) => expectType<SocketOfRequest>()(socket));
  server.on("close", (...args) => expectType<[]>()(args));
  server.on("listening", (...args) => expectType<[]>()(args));
  server.off("error", (error) => expectType<NodeJS.ErrnoException>()(error));
  server.removeListener("error", (error) => expectType<NodeJS.ErrnoException>()(error));
  server.emit("error", new Error("expected"));
  server.emit("connection", new Socket());
  // As of http.Server: listeners with fewer, wider and annotated arguments, and events of the application's own.
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  server.on("clientError", (_error: Error, socket: Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  server.on("request", app);
  server.on("own", (first: number) => first.toFixed());
  server.on(Symbol.for("own"), () => {});
  // @ts-expect-error an error has no such member
  server.on("error", (error) => error.unknownMember);
  // @ts-expect-error what an application throws may be anything
  server.on("requestError", (error) => error.message);
}
export const eventNames: keyof FastCGIServerEvents = "requestError";
/** A subclass may replace emit(), as of http.Server. */
export class CountingServer extends FastCGIServer {
  count = 0;
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    this.count++;
    return super.emit(event, ...args);
  }
}

export const paramsOf = (req: IncomingMessage): Record<string, string> | undefined =>
  isFastCGISocket(req.socket) ? req.socket.params : undefined;
export function useSocket(socket: FastCGISocket): void {
  expectType<Writable>()(socket.stderr);
  expectType<Readable | undefined>()(socket.data);
  expectType<CGIRole>()(socket.role);
  expectType<"responder" | "authorizer" | "filter">()(socket.role);
  expectType<ServerResponse | undefined>()(socket.response);
  socket.appStatus = 1;
  if (socket.encrypted) expectType<string | null | undefined>()(socket.getProtocol?.());
  socket.setTimeout(5).destroy(new Error("gone"));
  // @ts-expect-error the web server decides on it
  socket.remoteAddress = "192.0.2.1";
  // @ts-expect-error it is not a stream
  socket.pipe(process.stdout);
  // @ts-expect-error internals are not public
  socket.attach();
  // @ts-expect-error internals are not public
  socket.onStdin(Buffer.alloc(0));
  // @ts-expect-error internals are not public
  socket._writableState;
}

export const listener: FastCGIRequestListener = (req, res) => res.end(req.socket.params.REMOTE_USER);
export const anyListener: FastCGIRequestListener = app satisfies RequestListener;
export const fastcgiServers: FastCGIServer[] = [
  serveFastCGI(listener),
  serveFastCGI((req, res) => res.end(req.socket.params.REQUEST_URI)),
  serveFastCGI((req: FastCGIIncomingMessage, res) => res.end(req.baseUrl)),
  createServer(listener),
  createServer((req, res) => res.end(req.socket.role)),
  serveCGI(listener),
];
// @ts-expect-error over plain HTTP there are no params
serveHTTP(listener, 8080);

export function useContext(context: CGIContext, authorizer: AuthorizerContext): void {
  expectType<Promise<void>>()(context.send("text", { status: 201, headers: undefined, type: undefined }));
  expectType<IncomingMessage>()(context.stdin);
  expectType<Record<string, string | undefined>>()(context.env);
  expectType<Promise<void>>()(authorizer.allow({ variables: { USER: "ada" } }));
  expectType<Promise<void>>()(authorizer.deny(403, "no"));
  // @ts-expect-error internals are not public
  context.finish("text");
  // @ts-expect-error internals are not public
  context.endOutput();
  // @ts-expect-error only an authorizer allows
  context.allow();
}
serveHTTP(
  cgiListener(({ env }) => env.REQUEST_URI),
  8080,
);

/** Every option is optional, and may be undefined. */
type Undefined<T> = { [name in keyof Required<T>]: undefined };
export const emptyOptions: [TargetOptions, HTTPTargetOptions, Roles, SendOptions, AllowOptions] = [
  {} as Undefined<TargetOptions>,
  {} as Undefined<HTTPTargetOptions>,
  {} as Undefined<Roles>,
  {} as Undefined<SendOptions>,
  {} as Undefined<AllowOptions>,
];
export const noOptions: typeof emptyOptions = [{}, {}, {}, {}, {}];

// @ts-expect-error plain HTTP does not know what a FastCGI connection is
serveHTTP(app, { port: 8080, maxRequestsPerConnection: 5 });
const fastcgiTarget = { port: 8080, maxParams: 5 };
// @ts-expect-error nor in an object that was made elsewhere
serveHTTP(app, fastcgiTarget);
// @ts-expect-error the spelling of a policy
createServer({ forwarded: "keep" });
// @ts-expect-error there are two roles beside Responder
createServer({ roles: { responder: () => {} } });
