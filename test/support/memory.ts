import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** Collects garbage. Memory that finalizers give back needs a second collection. */
export function collectGarbage(): void {
  gc();
  gc();
}

/** Returns the bytes of V8's heap that are in use, after a garbage collection. */
export function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/**
 * Returns the bytes of V8's heap and of Buffers that are in use, after a garbage collection. The resident set would
 * count garbage, too, of which Node.js keeps hundreds of megabytes when it is busy.
 */
export function memoryUsed(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
