import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, maxHeaderSize, type ServerOptions } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { FIRST_WINS, KNOWN_FIELDS, ONCE } from "../../src/cgi/known-names.ts";
import { readRequestHead } from "../../src/cgi/read-request-head.ts";
import type { RequestHead } from "../../src/cgi/request-head.ts";
import { pairs } from "../support/wire.ts";

/** The parser of node:http of the version that runs: what it refuses, and how it counts, is what must hold here. */

type Field = readonly [name: string, value: string];
interface Parsed {
  readonly status: number;
  readonly req: Pick<IncomingMessage, "url" | "headers" | "rawHeaders"> | undefined;
}
type Parse = (target: string, fields: readonly Field[]) => Promise<Parsed>;

/** Sends the bytes of a request to node:http; a field's name and value are written as they are. */
async function startNode(t: TestContext, options: ServerOptions = {}): Promise<Parse> {
  let seen: IncomingMessage | undefined;
  const server = createServer(options, (req, res) => {
    seen = req;
    res.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return async (target, fields) => {
    seen = undefined;
    const socket = connect(port, "127.0.0.1");
    let response = "";
    socket.on("data", (chunk) => {
      response += chunk.toString("latin1");
    });
    socket.on("error", () => {}); // it may be reset while the rest of a long head is written
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    socket.end(Buffer.from(`GET ${target} HTTP/1.1\r\n${lines}\r\n`, "latin1"));
    await closed;
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(response)?.[1]), req: seen };
  };
}

/** The same as a web server would pass it on. */
function read(target: string, fields: readonly Field[], limits: object = {}): RequestHead {
  const upper = (name: string): string => name.replace(/[a-z]/g, (letter) => letter.toUpperCase());
  const params = fields.map(([name, value]): Field => {
    const variable = upper(name).replaceAll("-", "_");
    return [variable === "CONTENT_TYPE" ? variable : `HTTP_${variable}`, value];
  });
  const line: readonly Field[] = [
    ["REQUEST_METHOD", "GET"],
    ["REQUEST_URI", target],
  ];
  return readRequestHead(pairs([...line, ...params]), {
    maxPairs: 2000,
    maxHeaderSize,
    forwarded: "pass",
    ...limits,
  });
}

const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
const hex = (byte: string): string => `byte ${byte.charCodeAt(0).toString(16)}`;
const HOST: Field = ["Host", "a"];

describe("each byte is taken or refused as by node:http's parser", () => {
  for (const [place, value] of [
    ["at the start of a value", (byte: string) => `${byte}bc`],
    ["in the middle of a value", (byte: string) => `ab${byte}cd`],
    ["at the end of a value", (byte: string) => `ab${byte}`],
    ["as a value", (byte: string) => byte],
    ["at the start of a long value", (byte: string) => `${byte}${"x".repeat(40)}`],
    ["in the middle of a long value", (byte: string) => `${"x".repeat(21)}${byte}${"x".repeat(22)}`],
    ["at the end of a long value", (byte: string) => `${"x".repeat(42)}${byte}`],
    ["beside a tab", (byte: string) => `a\t${byte}b`],
  ] as const) {
    test(place, async (t) => {
      const parse = await startNode(t);
      for (const byte of bytes) {
        const fields = [HOST, ["X-Field", value(byte)], ["Content-Type", value(byte)]] as const;
        const { status, req } = await parse("/", fields);
        const head = read("/", fields);
        assert.equal(head.problem?.statusCode ?? 200, status, hex(byte));
        if (req !== undefined) assert.equal(head.headers["x-field"], req.headers["x-field"], hex(byte));
      }
    });
  }

  for (const [place, name] of [
    ["at the start of a name", (byte: string) => `${byte}X`],
    ["in the middle of a name", (byte: string) => `X${byte}Y`],
    ["at the end of a name", (byte: string) => `X${byte}`],
  ] as const) {
    test(place, async (t) => {
      const parse = await startNode(t);
      for (const byte of bytes) {
        // A colon ends the name there, and never comes here.
        if (byte === ":") continue;
        const fields = [HOST, [name(byte), "a"]] as const;
        const { status } = await parse("/", fields);
        assert.equal(read("/", fields).problem?.statusCode ?? 200, status, hex(byte));
      }
    });
  }

  for (const [place, target] of [
    ["as a target", (byte: string) => byte],
    ["at the start of a target", (byte: string) => `${byte}/x`],
    ["in the middle of a path", (byte: string) => `/a${byte}b`],
    ["in the middle of a long path", (byte: string) => `/${"x".repeat(21)}${byte}${"x".repeat(22)}`],
    ["at the end of a path", (byte: string) => `/a${byte}`],
    ["in a query", (byte: string) => `/a?b${byte}c`],
    ["in a fragment", (byte: string) => `/a#b${byte}c`],
    ["in a scheme", (byte: string) => `ht${byte}tp://a/`],
    ["in an authority", (byte: string) => `http://a${byte}b/`],
    ["behind an authority", (byte: string) => `http://a${byte}`],
    ["in an absolute target's path", (byte: string) => `http://a/b${byte}c`],
    ["behind an asterisk", (byte: string) => `*${byte}`],
  ] as const) {
    test(place, async (t) => {
      const parse = await startNode(t);
      for (const byte of bytes) {
        // Blanks around the target are no part of it there.
        if (target(byte).trim() !== target(byte)) continue;
        const { status, req } = await parse(target(byte), [HOST]);
        const head = read(target(byte), [HOST]);
        assert.equal(head.problem?.statusCode ?? 200, status, `${hex(byte)}: ${target(byte)}`);
        if (req !== undefined) assert.equal(head.url, req.url);
      }
    });
  }

  test("and so are targets of all forms", async (t) => {
    const parse = await startNode(t);
    for (const target of [
      ..."/ * //a /a#b#c /a?b?c#d http://a http://a?x http://a#x http:/a http:a http:// a a:b 1/a ?a #a x*".split(
        " ",
      ),
      ..."http://u@b/ http://u@b@c/ http://u@@b/ http://[::1]:80/ h1://a/ a+b://c/ HTTPS://A/%zz/../ http://a%20b/".split(
        " ",
      ),
    ]) {
      const { status } = await parse(target, [HOST]);
      assert.equal(read(target, [HOST]).problem?.statusCode ?? 200, status, target);
    }
  });
});

describe("header fields over the limit are refused where node:http refuses them", () => {
  const shapes: readonly (readonly [name: string, (length: number) => [string, Field[]]])[] = [
    ["a long value", (length) => ["/", [HOST, ["X", "v".repeat(length)]]]],
    ["a value with blanks behind it", (length) => ["/", [HOST, ["X", `v${" ".repeat(length)}`]]]],
    ["a long name", (length) => ["/", [HOST, [`X${"N".repeat(length)}`, "v"]]]],
    ["a long Host", (length) => ["/", [["Host", "h".repeat(length)]]]],
    ["a long Content-Type", (length) => ["/", [HOST, ["Content-Type", "t".repeat(length)]]]],
    ["a long target", (length) => [`/${"u".repeat(length)}`, [HOST]]],
    [
      "many fields",
      (length) => ["/", Array.from({ length }, (_, index): Field => [`Name-${1000 + index}`, "value"])],
    ],
  ];
  for (const [limit, options] of [
    ["the default", {}],
    ["maxHeaderSize: 0, which is the default", { maxHeaderSize: 0 }],
    ["maxHeaderSize: 1000", { maxHeaderSize: 1000 }],
    ["maxHeaderSize: 30000", { maxHeaderSize: 30_000 }],
  ] as const) {
    for (const [name, shape] of shapes) {
      if (name === "many fields" && limit !== "maxHeaderSize: 1000") continue; // their number has a limit of its own
      test(`${name}, ${limit}`, async (t) => {
        const parse = await startNode(t, { ...options, requireHostHeader: false });
        const limits = {
          maxHeaderSize: ("maxHeaderSize" in options && options.maxHeaderSize) || maxHeaderSize,
        };
        const ours = (length: number): number => read(...shape(length), limits).problem?.statusCode ?? 200;
        const theirs = async (length: number): Promise<number> => (await parse(...shape(length))).status;
        // The longest that node:http takes.
        let taken = 0;
        let refused = 40_000;
        while (refused - taken > 1) {
          const middle = (taken + refused) >> 1;
          if ((await theirs(middle)) === 200) taken = middle;
          else refused = middle;
        }
        assert.equal(await theirs(refused), 431);
        assert.deepEqual([ours(taken), ours(refused)], [200, 431], `${taken} is the longest`);
      });
    }
  }

  test("Node's own --max-http-header-size is the default", () => {
    const index = new URL("../../src/index.ts", import.meta.url);
    const options = new URL("../../src/server/options.ts", import.meta.url);
    const script = `
      import { createServer } from ${JSON.stringify(index.href)};
      import { readOptions } from ${JSON.stringify(options.href)};
      createServer({}).close();
      console.log(JSON.stringify([readOptions({}), readOptions({ maxHeaderSize: 0 })].map(
        ({ maxHeaderSize, maxParamsLength }) => [maxHeaderSize, maxParamsLength])));
    `;
    const run = (...flags: string[]): unknown =>
      JSON.parse(
        execFileSync(process.execPath, [...flags, "--import", "tsx", "--input-type=module", "-e", script], {
          cwd: fileURLToPath(new URL("../..", import.meta.url)),
          encoding: "utf8",
        }),
      );
    assert.deepEqual(run(), [
      [16_384, 262_144],
      [16_384, 262_144],
    ]);
    assert.deepEqual(run("--max-http-header-size=1000000"), [
      [1_000_000, 16_000_000],
      [1_000_000, 16_000_000],
    ]);
  });
});

test("a field that comes twice is read as by node:http, whatever its name", async (t) => {
  // Fields that frame a message have a meaning of their own to node:http, and variables of their own here.
  const framing = new Set([
    "connection",
    "content-length",
    "expect",
    "proxy",
    "te",
    "trailer",
    "transfer-encoding",
  ]);
  const names = [...KNOWN_FIELDS, "x-never-seen"].filter((name) => !framing.has(name) && name !== "upgrade");
  for (const joinDuplicateHeaders of [false, true]) {
    const parse = await startNode(t, { joinDuplicateHeaders });
    for (let at = 0; at < names.length; at += 50) {
      const some = names.slice(at, at + 50);
      const fields = ["one", "two", "three"].flatMap((value) => some.map((name): Field => [name, value]));
      const { req } = await parse("/", [...fields, HOST]);
      const head = read("/", [...fields, HOST], { joinDuplicateHeaders });
      for (const name of some) {
        // What comes twice of these, against RFC 9112, comes from the web server's configuration.
        const expected = joinDuplicateHeaders && ONCE.has(name) ? "one" : req?.headers[name];
        assert.deepEqual(head.headers[name], expected, name);
        const values = head.rawHeaders.filter(
          (_, index) => head.rawHeaders[index - 1]?.toLowerCase() === name,
        );
        const isOne = ONCE.has(name) || (FIRST_WINS.has(name) && !joinDuplicateHeaders);
        assert.equal(values.length, isOne ? 1 : name === "host" ? 4 : 3, name);
      }
    }
  }
});
