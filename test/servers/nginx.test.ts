import { describe } from "node:test";
import { runSuite } from "../suite/run.ts";
import { serverTarget, skipReason } from "./target.ts";

describe("nginx", { skip: skipReason("nginx") }, () => {
  runSuite(serverTarget({ frontEnd: "nginx", example: "nginx/app.conf", tls: "nginx/tls.conf" }));
});
