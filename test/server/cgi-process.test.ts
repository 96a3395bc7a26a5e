import assert from "node:assert/strict";
import test from "node:test";
import { runCGIProgram } from "../support/cgi-program.ts";

const index = JSON.stringify(new URL("../../src/index.ts", import.meta.url).href);

/** Runs a program's source; `endsInput` after the body. */
function run(program: string, env: Record<string, string> = {}, body = "", endsInput = false) {
  const source = `import { fastcgi, serveCGI, serveFastCGI } from ${index};\n${program}`;
  const usual = {
    REQUEST_METHOD: "GET",
    REQUEST_URI: "/cgi-bin/app/x?q=1",
    PATH_INFO: "/x",
    QUERY_STRING: "q=1",
  };
  return runCGIProgram(["--input-type=module", "-e", source], { ...usual, ...env }, body, endsInput);
}

const URLS = "(req, res) => res.end([req.url, req.baseUrl, req.originalUrl].join(' '))";

test("responds to one request, below the program's own path, and exits", async () => {
  for (const call of [`serveCGI(${URLS})`, `serveFastCGI(${URLS})`, `serveFastCGI(${URLS}, {})`]) {
    const { stdout, code } = await run(`setInterval(() => {}, 1000); ${call};`);
    assert.match(stdout, /^Status: 200 OK\r\n/);
    assert.ok(stdout.endsWith("\r\n\r\n/x?q=1 /cgi-bin/app /cgi-bin/app/x?q=1"), stdout);
    assert.equal(code, 0);
  }
});

test("the whole target is left where the program's path is not in it, or mount says so", async () => {
  assert.match((await run(`serveCGI(${URLS})`, { REQUEST_URI: "/pretty" })).stdout, /\r\n\r\n\/pretty {2}$/);
  assert.match(
    (await run(`serveCGI(${URLS}, { mount: "/cgi-bin" })`)).stdout,
    /\r\n\r\n\/app\/x\?q=1 \/cgi-bin /,
  );
});

test("listeners and routes that follow the call count", async () => {
  const { stdout, stderr } = await run(`
    const server = serveFastCGI((req, res) => { throw new Error("broken") });
    server.on("requestError", (error) => console.log("heard", error.message));
    server.on("close", () => console.log("closed"));
  `);
  assert.match(stdout, /^Status: 500 /);
  assert.equal(stderr, "heard broken\nclosed\n");
});

test("errors that nobody hears, and stderr, are in the web server's log", async () => {
  const thrown = await run(`serveFastCGI(async () => { throw new Error("broken") })`);
  assert.match(thrown.stderr, /^Error: broken\n/);
  const malformed = await run(
    `fastcgi(({ stdout, stderr }) => { stderr.write("aside "); stdout.write("no head\\n\\n"); })`,
  );
  assert.match(malformed.stdout, /^Status: 500 /);
  assert.match(
    malformed.stderr,
    /^aside head of the CGI response has a line that is no header field: "no head"\n$/,
  );
});

test("a request that no application can see gets the response of clientError, or one without a body", async () => {
  const method = { REQUEST_METHOD: "FOO" };
  assert.equal((await run(`serveCGI(${URLS})`, method)).stdout, "Status: 400 Bad Request\r\n\r\n");
  const heard = await run(
    `serveCGI(${URLS}).on("clientError", (error, socket) => socket.end("HTTP/1.1 405 No\\r\\n\\r\\n" + error.code));`,
    method,
  );
  assert.equal(heard.stdout, "Status: 405 No\r\n\r\nERR_FCGI_PROTOCOL");
  const { stdout } = await run(`serveCGI(${URLS})`, { REQUEST_METHOD: "" });
  assert.match(stdout, /^Status: 500 .*\r\n(.*\r\n)+.*REQUEST_METHOD/);
});

test("exit() and exitCode are the exit status of the process", async () => {
  const program = `fastcgi(({ stdout, exit }) => { stdout.write("Content-Type: text/plain\\n\\ntext"); exit(3); })`;
  const { stdout, code } = await run(program);
  assert.ok(stdout.endsWith("text"));
  assert.equal(code, 3);
});

test("reads CONTENT_LENGTH bytes and no more; a chunked body to its end; a truncated one is an error", async () => {
  const echo = `fastcgi(async ({ stdin, stdout }) => {
    let body = ""; for await (const chunk of stdin) body += chunk;
    stdout.write("Content-Type: text/plain\\n\\n" + body); })`;
  const post = { REQUEST_METHOD: "POST" };
  assert.ok((await run(echo, { ...post, CONTENT_LENGTH: "4" }, "bodymore")).stdout.endsWith("\r\n\r\nbody"));
  assert.ok((await run(echo, post, "ignored")).stdout.endsWith("\r\n\r\n"));
  const chunked = { ...post, HTTP_TRANSFER_ENCODING: "chunked" };
  assert.ok((await run(echo, chunked, "to its end", true)).stdout.endsWith("\r\n\r\nto its end"));
  const cut = await run(echo, { ...post, CONTENT_LENGTH: "100" }, "cut", true);
  assert.equal(cut.stdout, "");
  assert.equal(cut.code, 1);
});

test("sends a large response whole, though the process exits after it", async () => {
  const { stdout } = await run(`serveCGI((req, res) => res.end(Buffer.alloc(3_000_000, "x")))`);
  assert.equal(stdout.split("\r\n\r\n")[1]?.length, 3_000_000);
});

test("with a target it listens, whatever the environment says", async () => {
  const { stdout } = await run(
    `serveFastCGI(() => {}, 0).on("listening", () => { console.log("listens"); process.exit(); })`,
  );
  assert.equal(stdout, "listens\n");
});

test("env holds the variables of the request alone, and HTTP_PROXY is deleted from process.env", async () => {
  const own = {
    DATABASE_URL: "secret",
    SSL_CERT_FILE: "/ca.pem",
    HTTPS_PROXY: "http://proxy.example",
    HOME: "/root",
  };
  const { stdout } = await run(
    `fastcgi(({ env, params }) => ({ env, params: Object.keys(params), own: { ...process.env } }));`,
    {
      ...own,
      HTTP_PROXY: "http://evil.example",
      HTTP_X: "1",
      HTTPS: "on",
      REDIRECT_STATUS: "200",
      SSL_CLIENT_VERIFY: "SUCCESS",
      UNIQUE_ID: "u",
    },
  );
  const { env, params, own: seen } = JSON.parse(stdout.split("\r\n\r\n")[1]!);
  const names = [
    "GATEWAY_INTERFACE",
    "HTTPS",
    "HTTP_X",
    "PATH_INFO",
    "QUERY_STRING",
    "REDIRECT_STATUS",
    "REQUEST_METHOD",
    "REQUEST_URI",
    "SCRIPT_NAME",
    "SSL_CLIENT_VERIFY",
    "UNIQUE_ID",
  ];
  assert.deepEqual(Object.keys(env).sort(), names);
  assert.deepEqual(params.sort(), names);
  assert.equal(seen.HTTP_PROXY, undefined);
  for (const [name, value] of Object.entries(own)) assert.equal(seen[name], value);
});

test("160,000 small writes in one turn cost time in proportion", async () => {
  // Summed up at each write, the queue cost 1.2 s for 40,000 writes, and would cost some 20 s here.
  const { stdout, stderr } = await run(`serveCGI((req, res) => {
    const { user } = process.cpuUsage();
    for (let count = 0; count < 160_000; count++) res.write("x");
    res.end();
    console.log(process.cpuUsage({ user, system: 0 }).user / 1000);
  })`);
  assert.equal(stdout.split("\r\n\r\n")[1]?.length, 160_000);
  assert.ok(Number(stderr) < 5000, `${stderr.trim()} ms`);
});
