/** The application of shutdown.test.ts; argument: `signals` or `none`. It responds when it is told to over IPC. */
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { serveFastCGI } from "../../src/index.ts";

let open: ServerResponse | undefined;
const server = serveFastCGI(
  (_req, res) => {
    res.write("begun");
    open = res;
  },
  { port: 0, signals: process.argv[2] === "signals" },
);
server.once("listening", () => process.send?.((server.address() as AddressInfo).port));
process.on("message", () => open?.end(", finished"));
// Comes after the server's own listener: it has stopped listening by then.
if (process.argv[2] === "signals") {
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.send?.("closing"));
}
