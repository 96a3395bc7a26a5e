/**
 * Rethrows an exception of the caller's code in a later tick: it becomes an `uncaughtException` and does not
 * interrupt the connection and its other requests.
 */
export function rethrow(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
