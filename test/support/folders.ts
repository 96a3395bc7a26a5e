import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/**
 * Creates a temporary folder, which the caller removes. Every user may write to it, because the workers of web servers
 * are not root.
 */
export function createFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "serve-fastcgi-"));
  chmodSync(folder, 0o777);
  return folder;
}

/** Creates a temporary folder that is removed with the test. */
export function makeFolder(t: Pick<TestContext, "after">): string {
  const folder = createFolder();
  t.after(() => removeFolder(folder));
  return folder;
}

/** Removes a folder, also one to which a process that is ending still writes. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
