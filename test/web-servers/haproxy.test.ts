import { describe } from "node:test";
import { runSuite } from "../http-suite/run.ts";
import { testExamples, testFailover, testHTTP2, testMany, testOverload, testRestart } from "./operations.ts";
import { quickSuite, serverTarget, skipReason } from "./target.ts";

const server = "HAProxy";

describe("HAProxy", { skip: skipReason("haproxy") }, () => {
  runSuite(
    serverTarget({ server, variant: "keep-conn", example: "haproxy/app.cfg", tls: "haproxy/tls.cfg" }),
  );
  for (const [variant, example, backend] of [
    ["keep-conn, unix", "haproxy/unix-socket.cfg", "unix"],
    ["multiplexed", "haproxy/multiplexed.cfg", "tcp"],
  ] as const) {
    runSuite(serverTarget({ server, variant, example, backend }), quickSuite);
  }
  testExamples("haproxy");
  testRestart("haproxy/app.cfg");
  testFailover("haproxy/several-backends.cfg");
  testOverload("haproxy/app.cfg");
  testMany("haproxy/app.cfg");
  testMany("haproxy/unix-socket.cfg");
  testHTTP2("haproxy/tls.cfg");
});
