import assert from "node:assert/strict";
import * as fs from "node:fs";
import test from "node:test";
import { startConfigured, writeProgram } from "./configured.ts";
import { skipReason } from "./target.ts";

const servers = {
  apache: (folder: string) => `ScriptAlias "/cgi-bin/app" "${folder}/app.sh"`,
  lighttpd: (folder: string) => `
    server.modules = ( "mod_cgi", "mod_alias" )
    alias.url = ( "/cgi-bin/app" => "${folder}/app.sh" )
    cgi.assign = ( "app.sh" => "" )
  `,
};

for (const [name, config] of Object.entries(servers) as [
  "apache" | "lighttpd",
  (folder: string) => string,
][]) {
  const command = name === "apache" ? "apache2" : name;
  test(`an Express application is a plain CGI program under ${name}`, {
    skip: skipReason(command),
  }, async (t) => {
    const { port, log } = await startConfigured(t, name, ({ folder }) => {
      writeProgram(folder, "examples/plain-cgi.ts");
      return config(folder);
    });
    const url = `http://127.0.0.1:${port}/cgi-bin/app`;
    const page = await fetch(url);
    assert.equal(page.status, 200, log());
    assert.equal(await page.text(), "Hello from /cgi-bin/app");
    const echo = await fetch(`${url}/echo?x=1`, { method: "POST", body: new URLSearchParams({ a: "ü" }) });
    assert.deepEqual(await echo.json(), { body: { a: "ü" }, url: "/cgi-bin/app/echo?x=1" });
    assert.equal((await fetch(`${url}/none`)).status, 404);
    const head = await fetch(url, { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.match(log(), /a line in the error log/);
  });

  test(`a CGI function is a plain CGI program under ${name}`, { skip: skipReason(command) }, async (t) => {
    const { port } = await startConfigured(t, name, ({ folder }) => {
      writeProgram(folder, "examples/cgi-function.ts");
      return config(folder);
    });
    const url = `http://127.0.0.1:${port}/cgi-bin/app?q=1`;
    const body = "x".repeat(200_000);
    const response = await fetch(url, { method: "POST", body });
    assert.equal(await response.text(), `${body} ; q=1\r\n`);
    const chunked = await fetch(url, {
      method: "POST",
      body: new Blob(["streamed"]).stream(),
      duplex: "half",
    } as RequestInit);
    if (name === "apache") assert.equal(await chunked.text(), "streamed ; q=1\r\n");
  });
}

test("Apache carries out a local redirect itself", { skip: skipReason("apache2") }, async (t) => {
  const { port } = await startConfigured(t, "apache", ({ folder }) => {
    fs.writeFileSync(
      `${folder}/redirect.ts`,
      `import { fastcgi } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
       fastcgi(({ stdout }) => stdout.write("Location: /index.html\\n\\n"));`,
    );
    const script = writeProgram(folder, "examples/cgi-function.ts");
    const text = fs.readFileSync(script, "utf8").replace(/'[^']*cgi-function.ts'/, `'${folder}/redirect.ts'`);
    fs.writeFileSync(script, text);
    return servers.apache(folder);
  });
  const response = await fetch(`http://127.0.0.1:${port}/cgi-bin/app`, { redirect: "manual" });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "a file\n");
});
