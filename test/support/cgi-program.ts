import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** What a CGI program wrote, and its exit status. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/**
 * Runs a TypeScript program as a web server runs a CGI program.
 *
 * @param endsInput whether stdin ends after the body: a program must not wait for it
 */
export async function runCGIProgram(
  args: readonly string[],
  env: Record<string, string>,
  body = "",
  endsInput = false,
): Promise<Outcome> {
  const child = spawn(process.execPath, ["--import", "tsx", ...args], {
    env: { PATH: process.env.PATH, GATEWAY_INTERFACE: "CGI/1.1", SCRIPT_NAME: "/cgi-bin/app", ...env },
    stdio: "pipe",
  });
  child.stdin.on("error", () => {});
  child.stdin.write(body);
  if (endsInput) child.stdin.end();
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  child.stdin.destroy();
  return { stdout, stderr, code };
}
