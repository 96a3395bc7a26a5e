/** Every way to cut bytes that a test can afford: whole, one by one, at each offset, and in three. */
export function* chunkings(bytes: Buffer): Generator<Buffer[]> {
  yield [bytes];
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  const step = Math.max(1, Math.floor(bytes.length / 200));
  for (let at = 1; at < bytes.length; at += step) {
    yield [bytes.subarray(0, at), bytes.subarray(at)];
    yield [bytes.subarray(0, at), bytes.subarray(at, at + 3), bytes.subarray(at + 3)];
  }
}
