/** The contract of the conformance suite (see run.ts) over the npm package node-fastcgi. */
import type { RequestListener, Server } from "node:http";
import { createRequire } from "node:module";
import { application } from "./node-application.ts";

interface NodeFastCGI {
  createServer(listener: RequestListener): Server;
}
const { createServer } = createRequire(import.meta.url)("node-fastcgi") as NodeFastCGI;

const server = createServer(application);
server.listen(Number(process.argv[2] ?? 9000), "127.0.0.1", () => {
  const address = server.address();
  console.log(`listening ${typeof address === "object" && address ? address.port : ""}`);
});
