import { createHash, randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { basename, dirname } from "node:path";

/** Time to wait for another process that is about to listen on the same path. */
const MAX_WAIT = 10_000;
const INTERVAL = 10;

/**
 * Runs `action` while no other process or thread that uses this library runs one for the same path.
 *
 * Replacing a dead socket takes several system calls (connect, unlink, bind), and another process can bind a new
 * socket between them. A socket that is bound but does not listen yet also looks dead. The lock must vanish when its
 * process dies; Node.js has no flock(2), so it is a unix socket with an abstract name, which one process can bind.
 *
 * The lock exists on Linux only, and holds within one network namespace. If it cannot be acquired (a sandbox forbids
 * abstract names, or another process keeps the name for more than 10 s), `action` runs without it: a service must
 * start.
 */
export function withSocketLock<T>(path: string, action: () => T): T {
  const lock = process.platform === "linux" ? acquire(lockName(path)) : undefined;
  try {
    return action();
  } finally {
    lock?.close();
  }
}

/** Returns one name for all spellings of a path. */
function lockName(path: string): string {
  const folder = statSync(dirname(path), { bigint: true, throwIfNoEntry: false });
  const place = folder === undefined ? dirname(path) : `${folder.dev}:${folder.ino}`;
  const hash = createHash("sha256")
    .update(`${place}/${basename(path)}`)
    .digest("base64url");
  return `\0serve-fastcgi/${hash}`;
}

function acquire(name: string): Server | undefined {
  const deadline = Date.now() + MAX_WAIT;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const lock = bind(name);
    if (lock !== undefined || Date.now() > deadline) return lock;
    const other = bind(`\0serve-fastcgi/${randomUUID()}`);
    if (other === undefined) return undefined; // abstract names are not available
    other.close();
    Atomics.wait(sleeper, 0, 0, INTERVAL);
  }
}

function bind(path: string): Server | undefined {
  // `listening` shows a failure at once; the `error` event comes later.
  const server = createServer((socket) => socket.destroy()).on("error", () => {});
  server.listen({ path, exclusive: true });
  return server.listening ? server : undefined;
}
