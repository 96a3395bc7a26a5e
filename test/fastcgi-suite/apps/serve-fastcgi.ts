/** The contract of the conformance suite (see run.ts) over serve-fastcgi: port or socket path as argument. */
import { createServer } from "../../../src/index.ts";
import { application } from "./node-application.ts";

const target = process.argv[2] ?? "9000";
const server = createServer(application);
server.on("requestError", () => {}); // Two cases throw on purpose.
server.listen(/^\d+$/.test(target) ? { port: Number(target), host: "127.0.0.1" } : { path: target }, () => {
  const address = server.address();
  console.log(`listening ${typeof address === "object" && address ? address.port : target}`);
});
