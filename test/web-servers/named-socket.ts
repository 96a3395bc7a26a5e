// What spawn.test.ts has systemd start: with several sockets one has to be named.
import assert from "node:assert/strict";
import { fastcgi } from "../../src/index.ts";

assert.throws(() => fastcgi(() => ""), /systemd passes 2 sockets \(web, other\): choose one with { fdName }/);
fastcgi(
  async ({ env, stdin, stdout }) => {
    let content = "";
    for await (const chunk of stdin) content += chunk;
    stdout.write(`Content-Type: text/plain\r\n\r\n${content} ; ${env.QUERY_STRING}\r\n`);
  },
  { fdName: "web" },
);
