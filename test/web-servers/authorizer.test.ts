import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { findFreePort, waitForListener } from "../support/ports.ts";
import { startConfigured } from "./configured.ts";
import { skipReason } from "./target.ts";

const example = fileURLToPath(new URL("../../examples/authorizer.ts", import.meta.url));
/** Denies in the way that the path names; each of these once let the request pass. */
const DENIALS = `
  import { createServer } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
  const denials = {
    response: ({ deny }) => deny(403, new Response("no")),
    string: ({ deny }) => deny("200"),
    fraction: ({ deny }) => deny(200.5),
    send: ({ send }) => send("no"),
    returned: () => new Response("no"),
  };
  createServer({ roles: { authorizer: (context) => {
    const name = new URLSearchParams(context.env.QUERY_STRING ?? "").get("denial");
    return name === null ? context.allow() : denials[name](context);
  } } }).listen(process.env.PORT);
`;

async function startAuthorizer(t: TestContext, program = [example]): Promise<number> {
  const port = await findFreePort();
  const child = spawn(process.execPath, ["--import", "tsx", ...program], {
    env: { ...process.env, PORT: String(port) },
    stdio: "inherit",
  });
  const exited = once(child, "exit").then(() => {});
  t.after(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  await waitForListener(port, exited, 20_000);
  return port;
}

const configs = {
  apache: (app: number, folder: string) => `
    AuthnzFcgiDefineProvider authn example fcgi://127.0.0.1:${app}/
    <Directory "${folder}/www">
      AuthType Basic
      AuthName "example"
      AuthBasicProvider example
      Require valid-user
    </Directory>
  `,
  lighttpd: (app: number, folder: string) => `
    server.modules = ( "mod_fastcgi" )
    fastcgi.server = ( "/" => (( "host" => "127.0.0.1", "port" => ${app}, "mode" => "authorizer",
      "check-local" => "disable", "docroot" => "${folder}/www" )) )
  `,
};

for (const name of ["apache", "lighttpd"] as const) {
  test(`${name} asks the Authorizer`, {
    skip: skipReason(name === "apache" ? "apache2" : name),
  }, async (t) => {
    const app = await startAuthorizer(t);
    const { port, log } = await startConfigured(t, name, ({ folder }) => configs[name](app, folder));
    const url = `http://127.0.0.1:${port}/index.html`;
    const get = (credentials: string) =>
      fetch(url, { headers: { Authorization: `Basic ${Buffer.from(credentials).toString("base64")}` } });
    const anonymous = await fetch(url);
    assert.equal(anonymous.status, 401, log());
    assert.match(anonymous.headers.get("www-authenticate") ?? "", /Basic realm="example"/);
    if (name === "lighttpd") assert.equal(await anonymous.text(), "Who are you?\n");
    assert.equal((await get("ada:wrong")).status, 401);
    const passed = await get("ada:secret");
    assert.equal(passed.status, 200, log());
    assert.equal(await passed.text(), "a file\n");
  });
}

for (const name of ["apache", "lighttpd"] as const) {
  test(`${name} serves no file that an Authorizer did not allow`, {
    skip: skipReason(name === "apache" ? "apache2" : name),
  }, async (t) => {
    const app = await startAuthorizer(t, ["--input-type=module", "-e", DENIALS]);
    const { port, log } = await startConfigured(t, name, ({ folder }) => configs[name](app, folder));
    const get = (query: string) =>
      fetch(`http://127.0.0.1:${port}/index.html${query}`, {
        headers: { Authorization: `Basic ${Buffer.from("ada:secret").toString("base64")}` },
      });
    assert.equal(await (await get("")).text(), "a file\n", log());
    for (const denial of ["response", "string", "fraction", "send", "returned"]) {
      const response = await get(`?denial=${denial}`);
      assert.ok(response.status >= 400, `${denial}: ${response.status}`);
      assert.notEqual(await response.text(), "a file\n", denial);
    }
  });
}
