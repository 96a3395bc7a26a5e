import { once } from "node:events";
import { connect, createServer } from "node:net";
import { connect as connectTLS } from "node:tls";
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

/** Waits until a web server that issues its own certificate has one for `servername`: it listens before that. */
export async function waitForCertificate(port: number, servername: string, timeoutMs: number): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  await new Promise<void>((resolve, reject) => {
    const attempt = () => {
      const socket = connectTLS({ port, host: "127.0.0.1", servername, rejectUnauthorized: false });
      socket.once("secureConnect", () => {
        socket.destroy();
        resolve();
      });
      socket.once("error", (error) => {
        // Only the alert of a server without a certificate; no event tells when it has one.
        if (!error.message.includes("tlsv1 alert internal error")) return reject(error);
        if (signal.aborted)
          return reject(new Error(`no certificate after ${timeoutMs} ms: ${error.message}`));
        setTimeout(attempt, 10);
      });
    };
    attempt();
  });
}
