/**
 * Throws an exception of the caller's code again where it meets nothing of ours: it becomes an
 * `uncaughtException`, while the connection and its other requests go on.
 */
export function rethrow(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
