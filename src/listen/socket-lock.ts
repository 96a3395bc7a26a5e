import { createHash, randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { basename, dirname } from "node:path";

/** Milliseconds to wait for another process that is about to listen on the same path. */
const MAX_WAIT = 10_000;
const INTERVAL = 10;

/**
 * Runs `action` while no other process of this library, or thread of this one, does so for the same path.
 *
 * Looking at a socket, finding its server dead and removing it are several system calls, between which another
 * process can put a living socket in its place; and a socket is not to be told from a dead one between its
 * `bind()` and its `listen()`. So all of that needs a lock, and one that goes with its process. Node has no
 * `flock()`: on Linux it is a socket with an abstract name, which only one process can have.
 *
 * What remains: the lock holds within one network namespace, and on Linux. Where it cannot be had (another
 * system, a sandbox that forbids abstract names, somebody who keeps the name for more than 10 s), `action` runs
 * without it, as a service must not be kept from starting.
 */
export function withSocketLock<T>(path: string, action: () => T): T {
  const lock = process.platform === "linux" ? acquire(lockName(path)) : undefined;
  try {
    return action();
  } finally {
    lock?.close();
  }
}

/** The same for all ways to write the path. */
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
    if (other === undefined) return undefined; // no name can be had
    other.close();
    Atomics.wait(sleeper, 0, 0, INTERVAL);
  }
}

function bind(path: string): Server | undefined {
  // Its error is told by `listening`, at once; the event comes later.
  const server = createServer((socket) => socket.destroy()).on("error", () => {});
  server.listen({ path, exclusive: true });
  return server.listening ? server : undefined;
}
