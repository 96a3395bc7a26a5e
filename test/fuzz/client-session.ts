/** One session of the client with the hostile application, and what must hold of it. */
import { once } from "node:events";
import { Readable } from "node:stream";
import { FastCGIClient, type RequestBody } from "../../src/client/index.ts";
import { Random } from "../support/random.ts";
import { bodyOf, type HostileApplication, Script, turn } from "./client-application.ts";

/** Longer than any time-out of the client. */
const PATIENCE_MS = 10_000;

/** What the caller does with a request. */
interface Asked {
  readonly token: string;
  readonly count: number;
  /** Whether the caller wants the whole response. */
  readonly isPlain: boolean;
  outcome?: string;
}

/** Plays one session. Returns the problem, or undefined. */
export async function playClientSession(
  application: HostileApplication,
  seed: number,
  index: number,
): Promise<string | undefined> {
  const random = new Random(seed, index);
  const script = new Script(random, random.chance(0.3));
  application.script = script;
  const client = new FastCGIClient(application.target, {
    keepConn: random.chance(0.6),
    multiplex: random.chance(0.4),
    maxConnections: random.integer(1, 4),
    maxHeaderSize: 4000,
    headersTimeout: script.isValid ? 0 : random.pick([10, 30, 60]),
    keepAliveTimeout: random.pick([1, 1000]),
  });
  const problems: string[] = [];
  const promises: Promise<unknown>[] = [];
  if (random.chance(0.1)) promises.push(client.getValues(undefined, 50).catch(() => {}));
  const count = random.integer(1, 6);
  const isSequential = random.chance(0.4);
  const isDestroyed = random.chance(script.isValid ? 0 : 0.3);
  for (let n = 0; n < count; n++) {
    const asked = {
      token: `${index}.${n}`,
      count: random.pick([0, 1, 50, 9000]),
      isPlain: random.chance(0.7),
    };
    const done = ask(client, asked, random, script).then((problem) => {
      if (problem !== undefined) problems.push(problem);
    });
    promises.push(done);
    if (isSequential && script.isValid) await within(done, `request ${asked.token}`, problems);
    else if (isSequential) await Promise.race([done, turns(random.integer(1, 10))]);
  }
  if (isDestroyed) await turns(random.integer(0, 6));
  else
    await Promise.race([
      Promise.all(promises),
      new Promise((resolve) => setTimeout(resolve, script.isValid ? PATIENCE_MS : 80)),
    ]);
  const closed = client.close();
  // Only the caller's time limit ends a response that the application leaves unfinished.
  if (!script.isValid) client.destroy();
  await within(Promise.all(promises), "a request", problems);
  await within(closed, "close()", problems);
  // Neither side may have a connection after a few turns of the event loop.
  for (let left = 1000; left > 0 && application.connections > 0; left--) await turn();
  if (application.connections > 0) problems.push(`${application.connections} connections are open`);
  await application.reset();
  return problems[0];
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await turn();
}

async function within(promise: Promise<unknown>, what: string, problems: string[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      problems.push(`${what} does not settle`);
      resolve();
    }, PATIENCE_MS);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

function makeBody(random: Random): RequestBody | undefined {
  const bytes = Buffer.alloc(random.pick([0, 10, 200_000]), "b");
  switch (random.integer(0, 6)) {
    case 0:
      return bytes;
    case 1:
      return Readable.from([bytes.subarray(0, 5), bytes.subarray(5)], { objectMode: false });
    case 2:
      return (async function* () {
        yield "part";
        await turn();
        if (random.chance(0.3)) throw new Error("a body that fails");
        yield bytes;
      })();
    default:
      return undefined;
  }
}

/** Makes one request and reads its response in some way. */
async function ask(
  client: FastCGIClient,
  asked: Asked,
  random: Random,
  script: Script,
): Promise<string | undefined> {
  const { token, count, isPlain } = asked;
  const controller = new AbortController();
  const params = {
    REQUEST_METHOD: random.pick(["GET", "POST", "DELETE"]),
    TOKEN: token,
    COUNT: String(count),
  };
  const body = isPlain && script.isValid ? Buffer.alloc(random.pick([0, 70_000])) : makeBody(random);
  const behaviour = isPlain ? "read" : random.pick(["abort", "destroy", "raw", "leave", "slow"]);
  if (behaviour === "abort") void turns(random.integer(0, 8)).then(() => controller.abort());
  try {
    if (behaviour === "raw") {
      const raw = await client.requestRaw(params, { body, signal: controller.signal });
      await collect(raw.stdout, random);
      await raw.ended;
      return undefined;
    }
    const response = await client.request(params, { body, signal: controller.signal });
    response.stderr.resume();
    if (behaviour === "destroy" || behaviour === "leave") {
      if (behaviour === "destroy") response.body.destroy();
      // Without a reader it ends with the client.
      else if (script.isValid) response.body.resume();
      await response.ended;
      return undefined;
    }
    const text = await collect(response.body, random, behaviour === "slow");
    await response.ended;
    return check(asked, script, response.headers["x-token"], text);
  } catch (error) {
    if (script.isValid && isPlain) return `request ${token} fails: ${String(error)}`;
    if (!(error instanceof Error) || !("code" in error))
      return `request ${token} fails with ${String(error)}`;
    return undefined;
  }
}

function check({ token, count }: Asked, script: Script, seen: unknown, text: string): string | undefined {
  if (script.isValid && text !== bodyOf(token, count)) return `request ${token} has a wrong body`;
  if (!script.isFramed) return undefined;
  if (seen !== token) return `request ${token} has the head of ${String(seen)}`;
  // No part of a response may reach another request.
  const length = token.length + 2;
  for (let start = 0; start < text.length; start += length) {
    const unit = text.slice(start, start + length);
    if (unit !== `[${token}]`) return `request ${token} has in its body ${JSON.stringify(unit)}`;
  }
  return undefined;
}

async function collect(stream: Readable, random: Random, isSlow = false): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    if (isSlow || random.chance(0.1)) await turn();
  }
  if (!stream.closed) await once(stream, "close");
  return Buffer.concat(chunks).toString("latin1");
}
