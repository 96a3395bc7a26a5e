// The contract application as web servers start it: the listening socket is descriptor 0.
import { createServer } from "../../src/index.ts";
import { createContractApp, startControl } from "../http-suite/app.ts";
import type { AppName } from "../http-suite/target.ts";

const [app = "express5", control = "0"] = process.argv.slice(2);
const server = createServer(createContractApp(app as AppName));
server.on("requestError", () => {});
server.listen({ fd: 0 });
await startControl(Number(control));
process.on("SIGTERM", () => process.exit(0));
