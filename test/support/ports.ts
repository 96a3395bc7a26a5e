import { once } from "node:events";
import { connect, createServer } from "node:net";
import { listen } from "./server.ts";

/** Finds a port of 127.0.0.1 that is free at this moment, for a program that must be told its port. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, "close");
  return port;
}

/** Waits until a program accepts connections on the port. Rejects when `exited` resolves first. */
export async function waitForListener(
  port: number,
  exited: Promise<unknown>,
  timeoutMs: number,
): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  let hasExited = false;
  await new Promise<void>((resolve, reject) => {
    exited.then(() => {
      hasExited = true;
    }, reject);
    const attempt = () => {
      if (hasExited) return reject(new Error("the process ended"));
      if (signal.aborted) return reject(new Error(`nothing listens on port ${port} after ${timeoutMs} ms`));
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        resolve();
      });
      // No event tells that another process listens.
      socket.once("error", () => setTimeout(attempt, 10));
    };
    attempt();
  });
}
