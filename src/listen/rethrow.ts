/**
 * Rethrows an exception of the caller's code in a tick of its own: it becomes an `uncaughtException` and does not
 * interrupt the connection and its other requests.
 */
export function rethrowApart(error: unknown): void {
  process.nextTick(rethrow, error);
}

function rethrow(error: unknown): void {
  throw error;
}
