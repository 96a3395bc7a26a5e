/**
 * A web server for a PHP site: Express sends the files, php-fpm runs the scripts. It works for any FastCGI application.
 *
 *     npx tsx examples/gateway.ts [port or socket of php-fpm] [folder of the PHP scripts]
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import express from "express";
import { createGateway } from "serve-fastcgi/client";

const [target = "9000", folder = "."] = process.argv.slice(2);
const documentRoot = resolve(folder);

const serveStatic = express.static(documentRoot, { index: false });

/** Decodes the path as express.static() does and ignores case: otherwise a script's source could be sent. */
function isScript(path: string): boolean {
  try {
    return decodeURIComponent(path).toLowerCase().includes(".php");
  } catch {
    return true;
  }
}

const app = express();
// Express sends the files that are not scripts.
app.use((req, res, next) => (isScript(req.path) ? next() : serveStatic(req, res, next)));
app.use(
  createGateway(target, {
    documentRoot,
    onError: (error, req) => console.error(`${req.method} ${req.url}: ${error.message}`),
    onStderr: (chunk) => process.stderr.write(chunk),
  }),
);

const server = createServer(app).listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port} to FastCGI on ${target}`);
});
