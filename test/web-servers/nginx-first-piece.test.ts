import assert from "node:assert/strict";
import { once, setMaxListeners } from "node:events";
import { createServer as createHTTPServer, type IncomingMessage, request } from "node:http";
import { describe, type TestContext, test } from "node:test";
import { createServer } from "../../src/index.ts";
import { listenDuring } from "../support/server.ts";
import { startConfigured } from "./configured.ts";
import { skipReason } from "./target.ts";

const SIZES = [0, 1, 6, 7, 8, 9, 100, 5000];
/** The length of the response head, modulo 8. */
const PADDINGS = [0, 1, 2, 3, 4, 5, 6, 7];
const LOCATIONS = ["kept", "new", "proxy-kept", "proxy-new"] as const;
type Location = (typeof LOCATIONS)[number];

/** A response in two pieces, the second of which is written when the client has the first. */
interface Cell {
  readonly location: Location;
  readonly size: number;
  readonly padding: number;
  readonly hasLength: boolean;
}

const SECOND_PIECE = "second";

class FirstPieces {
  readonly #port: number;
  /** What ends the responses that wait for their first piece to arrive. */
  readonly #waiting: Map<string, () => void>;

  private constructor(port: number, waiting: Map<string, () => void>) {
    this.#port = port;
    this.#waiting = waiting;
  }

  static async start(t: TestContext): Promise<FirstPieces> {
    const waiting = new Map<string, () => void>();
    const app = (req: IncomingMessage, res: import("node:http").ServerResponse): void => {
      const { searchParams } = new URL(req.url ?? "", "http://localhost");
      const size = Number(searchParams.get("size"));
      res.setHeader("X-Padding", "x".repeat(Number(searchParams.get("padding"))));
      if (searchParams.get("length") === "true") {
        res.setHeader("Content-Length", size + SECOND_PIECE.length);
      }
      if (searchParams.has("buffering")) res.setHeader("x-accel-BUFFERING", "yes");
      waiting.set(req.url ?? "", () => res.end(SECOND_PIECE));
      if (size === 0) res.flushHeaders();
      else res.write("x".repeat(size));
    };
    const backends = [createServer(app), createHTTPServer(app)];
    const [fastcgi, http] = await Promise.all(backends.map((server) => listenDuring(t, server)));
    const { port } = await startConfigured(t, "nginx", (place) => configuration(place.port, fastcgi!, http!));
    return new FirstPieces(port, waiting);
  }

  /** Sends a request; resolves with its head when all is here. `onFirstPiece` hears that the first piece is. */
  async get(url: string, size: number, signal: AbortSignal, onFirstPiece?: () => void) {
    const sent = request({ host: "127.0.0.1", port: this.#port, path: url, agent: false, signal }).end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    let body = "";
    const check = () => {
      if (body.length !== size) return;
      onFirstPiece?.();
      this.#waiting.get(url)?.();
    };
    check();
    for await (const chunk of response.setEncoding("latin1")) {
      body += chunk;
      check();
    }
    assert.equal(body, "x".repeat(size) + SECOND_PIECE);
    return response;
  }

  /** Whether the first piece reaches the client before there is a second one. */
  async isHeld(cell: Cell, deadline: AbortSignal): Promise<boolean> {
    const { location, size, padding, hasLength } = cell;
    const url = `/${location}?size=${size}&padding=${padding}&length=${hasLength}`;
    let hasArrived = false;
    await this.get(url, size, deadline, () => {
      hasArrived = true;
    }).catch((error: Error) => {
      if (!deadline.aborted) throw error;
    });
    return !hasArrived;
  }
}

function configuration(port: number, fastcgi: number, http: number): string {
  return `
    upstream fastcgi { server 127.0.0.1:${fastcgi}; keepalive 64; }
    upstream http { server 127.0.0.1:${http}; keepalive 64; }
    proxy_http_version 1.1;
    server {
      listen 127.0.0.1:${port};
      include /etc/nginx/fastcgi_params;
      location /kept { fastcgi_pass fastcgi; fastcgi_keep_conn on; }
      location /new { fastcgi_pass 127.0.0.1:${fastcgi}; }
      location /proxy-kept { proxy_pass http://http; proxy_set_header Connection ""; }
      location /proxy-new { proxy_pass http://127.0.0.1:${http}; }
    }
  `;
}

/** Returns the first pieces that are held back, as size and padding. */
async function measure(t: TestContext, location: Location, hasLength: boolean): Promise<string[]> {
  const pieces = await FirstPieces.start(t);
  // Only what is held waits for it.
  const deadline = AbortSignal.timeout(1500);
  setMaxListeners(0, deadline);
  const held: string[] = [];
  await Promise.all(
    SIZES.flatMap((size) =>
      PADDINGS.map(async (padding) => {
        const isHeld = await pieces.isHeld({ location, size, padding, hasLength }, deadline);
        if (isHeld) held.push(`${size} (${padding})`);
      }),
    ),
  );
  return held.sort();
}

describe("the first piece of a response behind nginx", { skip: skipReason("nginx") }, () => {
  for (const [location, hasLength, maximum] of [
    // nginx keeps a head to itself until there is a body.
    ["kept", false, 0],
    ["kept", true, 0],
    ["new", false, -1],
    // With a length, nginx gathers the response, as it does behind proxy_pass.
    ["new", true, 5000],
  ] as const) {
    const connections = location === "kept" ? "kept connections" : "connections for one request";
    test(`arrives where proxy_pass lets it: ${connections}, ${hasLength ? "with" : "without"} Content-Length`, async (t) => {
      const control = await measure(t, `proxy-${location}`, hasLength);
      const held = await measure(t, location, hasLength);
      t.diagnostic(`held back, size and padding: ${held.join(", ")}; with proxy_pass: ${control.join(", ")}`);
      assert.deepEqual(
        held.filter((cell) => !control.includes(cell) || Number.parseInt(cell, 10) > maximum),
        [],
      );
    });
  }

  test("is gathered with the others where the application wants that, and no field tells of it", async (t) => {
    const pieces = await FirstPieces.start(t);
    const plain = await pieces.get("/new?size=100", 100, AbortSignal.timeout(5000));
    assert.equal(plain.headers["x-accel-buffering"], undefined);
    const url = "/new?size=100&buffering";
    const asked = AbortSignal.timeout(1000);
    await assert.rejects(pieces.get(url, 100, asked));
    assert.ok(asked.aborted);
  });
});
