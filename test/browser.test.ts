/** The example of `npm start`, opened in Debian's Chromium. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
const isMissing = !existsSync(CHROMIUM);
const skip = isMissing && !process.env.CI_SERVERS ? `${CHROMIUM} is not installed` : false;

interface Example {
  readonly child: ChildProcess;
  readonly fastcgi: number;
  readonly url: string;
  /** What it printed. */
  readonly output: string;
}

/** Starts the example as `npm start` does; resolves when it has printed what to put into a web server. */
async function startExample(t: TestContext, env: Record<string, string>): Promise<Example> {
  const file = fileURLToPath(new URL("../examples/express/app.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", file], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  let output = "";
  for await (const line of createInterface(child.stdout!)) {
    output += `${line}\n`;
    if (!line.includes("transport fastcgi")) continue;
    const fastcgi = Number(/fastcgi_pass 127\.0\.0\.1:(\d+);/.exec(output)?.[1]);
    return { child, fastcgi, url: /http:\S+/.exec(output)![0], output };
  }
  throw new Error("the example ended before it listened");
}

async function openPage(t: TestContext, url: string, colorScheme: "light" | "dark"): Promise<Page> {
  const browser: Browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  t.after(() => browser.close());
  const page = await browser.newPage({ colorScheme, viewport: { width: 1100, height: 900 } });
  await page.goto(url);
  return page;
}

test("the example uses free ports where its own are taken, and prints which", async (t) => {
  const server = net.createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const taken = (server.address() as AddressInfo).port;
  const { fastcgi, url, output } = await startExample(t, { PORT: String(taken), FCGI_PORT: String(taken) });
  assert.notEqual(fastcgi, taken);
  for (const port of [fastcgi, new URL(url).port]) {
    assert.ok(output.includes(`Port ${taken} is taken by another program: using ${port} instead.`), output);
  }
  const page = await (await fetch(url)).text();
  assert.ok(page.includes(`fastcgi_pass 127.0.0.1:${fastcgi};`));
});

test("the example ends on SIGTERM although an event stream is open", async (t) => {
  const { child, url } = await startExample(t, { PORT: "0", FCGI_PORT: "0" });
  const events = await fetch(`${url}/events`);
  const reader = events.body!.getReader();
  await reader.read();
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await reader.closed.catch(() => {});
  assert.deepEqual(await exited, [0, null]);
});

test("a browser gets page, form, upload and events over FastCGI", { skip }, async (t) => {
  const { url } = await startExample(t, { PORT: "0", FCGI_PORT: "0" });
  const page = await openPage(t, `${url}/?q=%3Cb%3E`, "light");
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));

  assert.match((await page.textContent("#way"))!, /the gateway of serve-fastcgi/);
  assert.equal(await page.textContent("#method"), "GET");
  assert.equal(await page.textContent("#url"), "/?q=%3Cb%3E");
  assert.equal(await page.textContent("#https"), "no");
  assert.match((await page.textContent("#address"))!, /^127\.0\.0\.1, port \d+$/);
  assert.match((await page.textContent("#params"))!, /GATEWAY_INTERFACE\s*CGI\/1\.1/);

  await page.fill("#form input", "Zoë & <Co>");
  await page.click("#form button");
  await page.getByText("Hello, Zoë & <Co>!").waitFor();

  const content = Buffer.alloc(3_000_000, "0123456789");
  await page.setInputFiles("#file", { name: "digits.txt", mimeType: "text/plain", buffer: content });
  await page.click("#upload button");
  await page
    .getByText(`3,000,000 bytes, SHA-256 ${createHash("sha256").update(content).digest("hex")}`)
    .waitFor();

  await page.locator("#events li").nth(1).waitFor();
  assert.deepEqual(errors, []);
  await page.screenshot({ path: join(tmpdir(), "serve-fastcgi-light.png"), fullPage: true });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: join(tmpdir(), "serve-fastcgi-dark.png"), fullPage: true });
  await page.setViewportSize({ width: 390, height: 800 });
  await page.screenshot({ path: join(tmpdir(), "serve-fastcgi-narrow.png"), fullPage: true });
  // Nothing may stick out of a telephone's screen.
  assert(await page.evaluate("document.documentElement.scrollWidth <= 390"));
});

test("the page says that the server is gone, and goes on when it is back", { skip }, async (t) => {
  const { child, fastcgi, url } = await startExample(t, { PORT: "0", FCGI_PORT: "0" });
  const page = await openPage(t, url, "light");
  await page.locator("#events li").first().waitFor();
  assert.equal(await page.locator("#gone").isVisible(), false);

  child.kill("SIGTERM");
  await once(child, "exit");
  await page.getByText("The server does not respond. If you stopped it,").waitFor();
  await page.click("#form button");
  await page.locator("#greeting", { hasText: /^The server does not respond\.$/ }).waitFor();
  await page.screenshot({ path: join(tmpdir(), "serve-fastcgi-gone.png"), fullPage: true });

  await startExample(t, { PORT: new URL(url).port, FCGI_PORT: String(fastcgi) });
  await page.locator("#gone").waitFor({ state: "hidden" });
});
