export type { FastCGIServerOptions } from "./options.ts";
export { serveFastCGI, serveHTTP, type Target, type TargetOptions } from "./serve.ts";
export { createServer, FastCGIServer } from "./server.ts";
