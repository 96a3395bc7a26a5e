import { describe } from "node:test";
import { runSuite } from "../http-suite/run.ts";
import { testExamples, testFailover, testHTTP2, testMany, testOverload, testRestart } from "./operations.ts";
import { quickSuite, serverTarget, skipReason } from "./target.ts";

const server = "Caddy";

describe("Caddy", { skip: skipReason("caddy") }, () => {
  runSuite(serverTarget({ server, example: "caddy/Caddyfile", tls: "caddy/tls.Caddyfile" }));
  runSuite(
    serverTarget({ server, variant: "unix", example: "caddy/unix-socket.Caddyfile", backend: "unix" }),
    quickSuite,
  );
  testExamples("caddy");
  testRestart("caddy/Caddyfile");
  testFailover("caddy/several-backends.Caddyfile");
  testOverload("caddy/Caddyfile");
  testMany("caddy/Caddyfile");
  testMany("caddy/unix-socket.Caddyfile");
  testHTTP2("caddy/tls.Caddyfile");
});
