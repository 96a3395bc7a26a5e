import { describe } from "node:test";
import { runSuite } from "../http-suite/run.ts";
import { testExamples, testFailover, testHTTP2, testMany, testOverload, testRestart } from "./operations.ts";
import { quickSuite, serverTarget, shortSuite, skipReason } from "./target.ts";

const server = "nginx";

describe("nginx", { skip: skipReason("nginx") }, () => {
  runSuite(
    serverTarget({
      server,
      variant: "buffered, keep-alive",
      example: "nginx/app.conf",
      tls: "nginx/tls.conf",
    }),
  );
  for (const [variant, example, backend] of [
    ["buffered, keep-alive, unix", "nginx/unix-socket.conf", "unix"],
    ["buffered, minimal", "nginx/minimal.conf", "tcp"],
    ["streamed, new connections", "nginx/streaming.conf", "tcp"],
  ] as const) {
    const suite = variant.startsWith("streamed") ? shortSuite : quickSuite;
    runSuite(serverTarget({ server, variant, example, backend }), suite);
  }
  testExamples("nginx");
  testRestart("nginx/app.conf");
  testFailover("nginx/several-backends.conf");
  testOverload("nginx/app.conf");
  testMany("nginx/app.conf");
  testMany("nginx/unix-socket.conf");
  testHTTP2("nginx/tls.conf");
});
