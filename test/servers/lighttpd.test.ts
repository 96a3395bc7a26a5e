import { describe } from "node:test";
import { runSuite } from "../suite/run.ts";
import { testExamples, testFailover, testHTTP2, testMany, testOverload, testRestart } from "./operations.ts";
import { serverTarget, shortSuite, skipReason } from "./target.ts";

const frontEnd = "lighttpd";

describe("lighttpd", { skip: skipReason("lighttpd") }, () => {
  runSuite(
    serverTarget({
      frontEnd,
      variant: "stored uploads",
      example: "lighttpd/app.conf",
      tls: "lighttpd/tls.conf",
    }),
  );
  for (const [variant, example, backend] of [
    ["stored uploads, unix", "lighttpd/unix-socket.conf", "unix"],
    ["stored uploads, bin-path", "lighttpd/bin-path.conf", "spawned"],
    ["streamed uploads", "lighttpd/streaming.conf", "tcp"],
  ] as const) {
    runSuite(serverTarget({ frontEnd, variant, example, backend }), shortSuite);
  }
  testExamples("lighttpd");
  testRestart("lighttpd/app.conf");
  testFailover("lighttpd/several-backends.conf");
  testOverload("lighttpd/app.conf");
  testMany("lighttpd/app.conf");
  testMany("lighttpd/unix-socket.conf");
  testHTTP2("lighttpd/tls.conf");
});
