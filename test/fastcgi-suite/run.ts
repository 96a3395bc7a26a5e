/**
 * Conformance suite for FastCGI 1.0 applications, at the level of records.
 *
 *     npx tsx test/fastcgi-suite/run.ts --target tcp:127.0.0.1:9000
 *     npx tsx test/fastcgi-suite/run.ts --target unix:/run/app.sock --param SCRIPT_FILENAME=/srv/app.php
 *
 * Options: `--only 5.4`, `--only 5.4/aborted-twice`; `--json FILE`; `--markdown`; `--quiet` (failures only); `--timeout MS`
 * (2000: how long a case waits for bytes that must come); `--patience MS` (10000: how long the run waits for an
 * application that a case brought down to be started again); `--pid N` (watches that process's memory); `--list`.
 * Exit code: 0 if every MUST passes, 1 if one fails, 2 if the suite could not run.
 *
 * MUST: FastCGI 1.0 or RFC 3875 say so, or requests are mixed up, lost or cut without it. SHOULD: they recommend it,
 * or are silent and nobody could trust an application without it. After each case a request on a new connection has
 * to be served: a case that brings the application down fails whatever else it found.
 *
 * The application under test has to keep to a small contract, by the path of REQUEST_URI. Unless said otherwise
 * it responds with 200, text/plain. Where its platform has no means for a path, it responds with 501: the case is
 * then reported as n/a. apps/ has this contract for Node, PHP and Go.
 *
 *     /params            a line NAME=hex for each param whose name begins with CONF_: its value's bytes as hex
 *     /header?name=n     "value=" and the hex of the request header field n, or "none"
 *     /stdin             reads the body to its end; responds with its length, a space, its SHA-256 as hex
 *     /unread            does not read the body; responds with "unread"
 *     /status?code=n     responds with status n and tries to write the body "body"
 *     /large?bytes=n     responds with n times "x", in pieces, no faster than they are taken; no Content-Length
 *     /never             does not respond (30 s are enough)
 *     /stream            responds with "first" and LF at once, and does not end (30 s are enough)
 *     /ticks?token=t     responds with 20 times "tick t" and LF, one every 10 ms, whatever happens meanwhile
 *     /throw             fails, before anything is written, with a message that contains "secret"
 *     /throw-late        writes and flushes "part", then fails
 *     /stderr?text=t     writes t and LF to FCGI_STDERR; responds with "done"
 *     /crlf              tries to set the field X-Test to "a", CR, LF, "Injected: 1"; responds with any text
 *     /cookies           sets two Set-Cookie fields, a=1 and b=2, in this order
 *     /hop               sets Connection, Keep-Alive and Upgrade; responds with "hop"
 *     /chunked           sets Transfer-Encoding: chunked; writes "one" and "two" apart
 *     /length?declared=d&sent=s     sets Content-Length d and writes s bytes
 *     /empty-writes      flushes; writes "", "a", "", "b", "", each apart
 *     /informational     sends informational responses (100, 102, 103), then responds with "informed"
 *     anything else      responds with 404
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Address } from "../support/link.ts";
import { line, markdown, table } from "./report.ts";
import { run } from "./runner.ts";
import { sections } from "./sections.ts";

function address(text: string): Address {
  const tcp = /^tcp:(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text);
  if (tcp) return { host: tcp[1] ?? tcp[2]!, port: Number(tcp[3]) };
  if (text.startsWith("unix:")) return { path: text.slice(5) };
  throw new Error(`target is ${text}, not tcp:HOST:PORT or unix:PATH`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      target: { type: "string" },
      param: { type: "string", multiple: true, default: [] },
      only: { type: "string" },
      json: { type: "string" },
      markdown: { type: "boolean", default: false },
      quiet: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      timeout: { type: "string", default: "2000" },
      patience: { type: "string", default: "10000" },
      pid: { type: "string" },
    },
  });
  if (values.list) {
    for (const { id, level, title } of sections.flatMap(({ cases }) => cases)) {
      console.log(`${id.padEnd(32)} ${level.padEnd(6)} ${title}`);
    }
    return 0;
  }
  if (values.target === undefined) throw new Error("--target tcp:HOST:PORT or unix:PATH is missing");
  const target = {
    address: address(values.target),
    params: values.param.map((text): [string, string] => {
      const at = text.indexOf("=");
      return [text.slice(0, at), text.slice(at + 1)];
    }),
    timeoutMs: Number(values.timeout),
    pid: values.pid === undefined ? undefined : Number(values.pid),
  };
  const results = await run(target, {
    only: values.only,
    patienceMs: Number(values.patience),
    onResult: (result) => {
      if (!values.markdown && (!values.quiet || result.outcome === "fail")) console.log(line(result));
    },
  });
  if (results.length === 0) throw new Error(`no case has the id ${values.only}`);
  console.log(values.markdown ? markdown([{ name: values.target, results }]) : `\n${table(results)}`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
  return results.some((r) => r.level === "MUST" && r.outcome === "fail") ? 1 : 0;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    console.error(error.message);
    process.exit(2);
  },
);
