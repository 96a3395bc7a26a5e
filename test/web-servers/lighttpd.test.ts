import { describe } from "node:test";
import { runSuite } from "../http-suite/run.ts";
import { testExamples, testFailover, testHTTP2, testMany, testOverload, testRestart } from "./operations.ts";
import { quickSuite, serverTarget, shortSuite, skipReason } from "./target.ts";

const server = "lighttpd";

describe("lighttpd", { skip: skipReason("lighttpd") }, () => {
  runSuite(
    serverTarget({
      server,
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
    const suite = variant.startsWith("streamed") ? shortSuite : quickSuite;
    runSuite(serverTarget({ server, variant, example, backend }), suite);
  }
  testExamples("lighttpd");
  testRestart("lighttpd/app.conf");
  testFailover("lighttpd/several-backends.conf");
  testOverload("lighttpd/app.conf");
  testMany("lighttpd/app.conf");
  testMany("lighttpd/unix-socket.conf");
  // lighttpd responds with 411 to an upload without a length over HTTP/2, as to a POST without one over HTTP/1.1.
  testHTTP2("lighttpd/tls.conf", { withLength: true });
});
