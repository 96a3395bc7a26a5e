import { describe } from "node:test";
import { runSuite } from "../http-suite/run.ts";
import { testExamples, testHTTP2, testMany, testOverload, testRestart } from "./operations.ts";
import { quickSuite, serverTarget, skipReason } from "./target.ts";

const server = "h2o";

describe("h2o", { skip: skipReason("h2o") }, () => {
  runSuite(serverTarget({ server, example: "h2o/app.conf", tls: "h2o/tls.conf" }));
  runSuite(serverTarget({ server, variant: "keep-alive", example: "h2o/keepalive.conf" }));
  for (const [variant, example, backend] of [
    ["unix", "h2o/unix-socket.conf", "unix"],
    ["spawned", "h2o/spawn.conf", "spawned"],
  ] as const) {
    runSuite(serverTarget({ server, variant, example, backend }), quickSuite);
  }
  testExamples("h2o");
  testRestart("h2o/app.conf");
  testOverload("h2o/app.conf");
  testMany("h2o/keepalive.conf");
  testMany("h2o/unix-socket.conf");
  testHTTP2("h2o/tls.conf");
});
