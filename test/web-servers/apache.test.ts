import { describe } from "node:test";
import { runSuite } from "../http-suite/run.ts";
import { testExamples, testFailover, testHTTP2, testMany, testOverload, testRestart } from "./operations.ts";
import { quickSuite, serverTarget, skipReason } from "./target.ts";

const server = "Apache";

describe("Apache", { skip: skipReason("apache2") }, () => {
  runSuite(
    serverTarget({ server, variant: "keep-alive", example: "apache/app.conf", tls: "apache/tls.conf" }),
  );
  for (const [variant, example, backend] of [
    ["keep-alive, unix", "apache/unix-socket.conf", "unix"],
    ["minimal", "apache/minimal.conf", "tcp"],
  ] as const) {
    runSuite(serverTarget({ server, variant, example, backend }), quickSuite);
  }
  runSuite(
    serverTarget({
      server: "mod_fcgid",
      example: "apache/mod_fcgid.conf",
      backend: "spawned",
      // The control listener is in one process: all requests must come to that.
      adapt: (text) => text.replace("FcgidMaxProcessesPerClass 8", "FcgidMaxProcessesPerClass 1"),
    }),
    // One request at a time, to one process: nothing that the application holds back until it is told.
    { big: false, only: ["one-process"] },
  );
  testExamples("apache");
  testRestart("apache/app.conf");
  testFailover("apache/several-backends.conf");
  testOverload("apache/app.conf");
  testMany("apache/app.conf");
  testMany("apache/unix-socket.conf");
  testHTTP2("apache/tls.conf");
});
