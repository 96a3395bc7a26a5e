import { join } from "node:path";
import { createFolder, removeFolder } from "../support/folders.ts";
import { HostileApplication } from "./client-application.ts";
import { playClientSession } from "./client-session.ts";
import { playSessions, type SessionReport } from "./lanes.ts";

const LANES = 16;

/** Lets the client talk to a hostile application, from session `first` of the seed on. */
export async function fuzzClient(
  seed: number,
  first: number,
  count: number,
  seconds: number,
): Promise<SessionReport> {
  const folder = createFolder();
  const applications = Array.from(
    { length: LANES },
    (_, n) => new HostileApplication(n % 4 === 0 ? undefined : join(folder, `${n}.sock`)),
  );
  for (const application of applications) await application.start();
  try {
    const lanes = applications.map(
      (application) => (index: number) => playClientSession(application, seed, index),
    );
    return await playSessions(lanes, first, count, seconds);
  } finally {
    for (const application of applications) await application.stop();
    removeFolder(folder);
  }
}
