import { HEADER_LENGTH, MAX_CONTENT_LENGTH, RecordType } from "../protocol/constants.ts";
import { paddingFor, writeEndRequest, writeHeader } from "../protocol/record.ts";

/**
 * Records of FCGI_STDOUT, and the shared buffers ("slabs") in which small responses are encoded.
 *
 * A slab is reused for response after response: a fresh buffer of 64 KB costs ten times what writing a string into it
 * does. It is valid until the next response is encoded, so it must be sent or copied at once. A socket that queued it
 * keeps it, and {@link replaceOutputSlab} makes another one.
 */

/** Bytes of a slab that are reserved for record headers, padding and the end of a request. */
const OVERHEAD = 128;
const SMALL_LENGTH = 32768 - OVERHEAD;
const LARGE_LENGTH = 262144 - OVERHEAD;
/** Largest length of chunks that are copied into a slab; longer ones are sent without a copy. */
export const MAX_COPIED_LENGTH: number = SMALL_LENGTH;

let small: Buffer = Buffer.allocUnsafeSlow(SMALL_LENGTH + OVERHEAD);
/** Created at the first response that needs it. */
let large: Buffer | undefined;
/** The slab in use. */
let slab: Buffer = small;

/** Returns the slab that holds the response encoded last. */
export function outputSlab(): Buffer {
  return slab;
}

/** Leaves the slab in use to a socket that has not sent it yet. */
export function replaceOutputSlab(): void {
  if (slab === large) large = undefined;
  else small = Buffer.allocUnsafeSlow(SMALL_LENGTH + OVERHEAD);
}

/** Selects a slab with space for `length` bytes of content; returns false if that is too much for any. */
export function takeSlab(length: number): boolean {
  if (length > LARGE_LENGTH) return false;
  if (length <= SMALL_LENGTH) {
    slab = small;
  } else {
    large ??= Buffer.allocUnsafeSlow(LARGE_LENGTH + OVERHEAD);
    slab = large;
  }
  return true;
}

/**
 * Writes the headers of STDOUT records around `length` bytes of content in the slab, and returns the end.
 *
 * The content lies {@link HEADER_LENGTH} bytes after `begin`; what exceeds one record is moved to make space.
 *
 * @param isLast the end of the request follows
 */
export function writeStdoutHeaders(
  requestId: number,
  begin: number,
  length: number,
  isLast: boolean,
): number {
  let last = length;
  let start = begin;
  if (length > MAX_CONTENT_LENGTH) {
    const count = Math.ceil(length / MAX_CONTENT_LENGTH);
    last = length - (count - 1) * MAX_CONTENT_LENGTH;
    for (let index = count - 1; index > 0; index--) {
      const from = begin + HEADER_LENGTH + index * MAX_CONTENT_LENGTH;
      slab.copyWithin(
        from + index * HEADER_LENGTH,
        from,
        Math.min(from + MAX_CONTENT_LENGTH, begin + HEADER_LENGTH + length),
      );
    }
    for (let index = 0; index < count - 1; index++) {
      writeHeader(slab, start, RecordType.STDOUT, requestId, MAX_CONTENT_LENGTH, 0);
      start += HEADER_LENGTH + MAX_CONTENT_LENGTH;
    }
  }
  // Only the last record is padded: nginx 1.22 holds a response head back until it has the padding of its record.
  const padding = isLast ? paddingFor(last) : 0;
  writeHeader(slab, start, RecordType.STDOUT, requestId, last, padding);
  const contentEnd = start + HEADER_LENGTH + last;
  const end = contentEnd + padding;
  // The slab still holds an earlier response.
  for (let offset = contentEnd; offset < end; offset++) slab[offset] = 0;
  return end;
}

/** Largest length of what {@link writeEnd} writes. */
export const MAX_END_LENGTH = 32;

/** Writes the end of STDOUT, of STDERR if it was used, and FCGI_END_REQUEST at `offset`; returns the end. */
export function writeEnd(
  target: Buffer,
  offset: number,
  requestId: number,
  hasStderr: boolean,
  appStatus: number,
): number {
  let end = offset;
  writeHeader(target, end, RecordType.STDOUT, requestId, 0, 0);
  end += HEADER_LENGTH;
  if (hasStderr) {
    writeHeader(target, end, RecordType.STDERR, requestId, 0, 0);
    end += HEADER_LENGTH;
  }
  writeEndRequest(target, end, requestId, appStatus, 0);
  return end + 16;
}

/** Encodes `length` bytes of chunks as STDOUT records that share their memory; a record may hold several chunks. */
export function encodeChunks(requestId: number, chunks: readonly Uint8Array[], length: number): Uint8Array[] {
  const buffers: Uint8Array[] = [];
  let left = length;
  let recordLeft = 0;
  for (const chunk of chunks) {
    let start = 0;
    while (start < chunk.length) {
      if (recordLeft === 0) {
        recordLeft = Math.min(left, MAX_CONTENT_LENGTH);
        left -= recordLeft;
        const header = Buffer.allocUnsafe(HEADER_LENGTH);
        writeHeader(header, 0, RecordType.STDOUT, requestId, recordLeft, 0);
        buffers.push(header);
      }
      const end = Math.min(chunk.length, start + recordLeft);
      buffers.push(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end));
      recordLeft -= end - start;
      start = end;
    }
  }
  return buffers;
}

/** Removes up to `budget` bytes from the front of `chunks`, and cuts the chunk that exceeds it. */
export function takeChunks(chunks: Uint8Array[], budget: number): { taken: Uint8Array[]; length: number } {
  const taken: Uint8Array[] = [];
  let length = 0;
  let index = 0;
  for (; index < chunks.length && length < budget; index++) {
    const chunk = chunks[index]!;
    if (length + chunk.length > budget) {
      taken.push(chunk.subarray(0, budget - length));
      chunks[index] = chunk.subarray(budget - length);
      length = budget;
      break;
    }
    taken.push(chunk);
    length += chunk.length;
  }
  chunks.splice(0, index);
  return { taken, length };
}
