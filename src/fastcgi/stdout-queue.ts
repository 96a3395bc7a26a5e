import { decodeParams, isBehindNginx } from "../cgi/params.ts";
import { HEADER_LENGTH, MAX_CONTENT_LENGTH, RecordType } from "../protocol/constants.ts";
import { paddingFor, writeEndRequest, writeHeader } from "../protocol/record.ts";
import type { FastCGIRequest } from "./request.ts";

/** A field of nginx, which takes it out of the response. */
const UNBUFFERED = "X-Accel-Buffering: no\r\n";

/** Bytes of a slab that are left to headers, padding and the end of a request. */
const OVERHEAD = 128;
const SMALL_LENGTH = 32768 - OVERHEAD;
const LARGE_LENGTH = 262144 - OVERHEAD;
/** Bytes of chunks that are copied; more are sent from where they lie, as their application holds them anyway. */
const MAX_COPIED_LENGTH = SMALL_LENGTH;

// Answers are put together in buffers that are used again and again: a fresh one of 64 KB costs ten times what
// writing a string into it does. The large one comes into being when it is needed.
let small: Buffer = Buffer.allocUnsafeSlow(SMALL_LENGTH + OVERHEAD);
let large: Buffer | undefined;
/** The one in use. */
let slab: Buffer = small;

/** The shared buffer in which the answer at hand was put together. */
export function outputSlab(): Buffer {
  return slab;
}

/** Leaves the slab in use to a socket that has not sent it yet. */
export function replaceOutputSlab(): void {
  if (slab === large) large = undefined;
  else small = Buffer.allocUnsafeSlow(SMALL_LENGTH + OVERHEAD);
}

/** Takes a slab into use that holds `length` bytes of content; returns false if there is none. */
function takeSlab(length: number): boolean {
  if (length > LARGE_LENGTH) return false;
  if (length <= SMALL_LENGTH) {
    slab = small;
  } else {
    large ??= Buffer.allocUnsafeSlow(LARGE_LENGTH + OVERHEAD);
    slab = large;
  }
  return true;
}

/** Takes a slab that fits all that a request has queued, in any encoding; returns false if there is none. */
export function fitsSlab(request: FastCGIRequest): boolean {
  const { queuedLength, text, textEncoding } = request;
  if (queuedLength - text.length > MAX_COPIED_LENGTH) return false;
  return takeSlab(textEncoding === "latin1" ? queuedLength : queuedLength + text.length * 2);
}

/** Writes all that a request has queued as one STDOUT record at the start of the slab; returns its end. */
export function writeQueued(request: FastCGIRequest): number {
  const { text, textEncoding, chunks } = request;
  let offset = 8;
  if (request.isHTTP) {
    // The text lies one byte into the record's header, and `Status: ` over `HTTP/1.1 `: no string is made anew.
    offset = 7 + slab.write(text, 7, textEncoding);
    writeStatus();
    request.isHTTP = false;
  } else if (text !== "") {
    offset += slab.write(text, 8, textEncoding);
  }
  if (chunks !== undefined) {
    for (const chunk of chunks) {
      slab.set(chunk, offset);
      offset += chunk.length;
    }
    request.chunks = undefined;
  }
  request.text = "";
  request.queuedLength = 0;
  if (offset === 8) return 0;
  const headEnd = request.hasStdout || request.mayEnd ? 0 : slab.indexOf("\r\n\r\n", 8, "latin1") + 4;
  if (headEnd > 8 && headEnd < offset && headEnd <= MAX_CONTENT_LENGTH) {
    // While the response is open, its head has a record of its own: nginx holds the beginning of a body back that
    // lies in the record of the head and is shorter than 8 bytes.
    slab.copyWithin(headEnd + HEADER_LENGTH, headEnd, offset);
    writeHeader(slab, 0, RecordType.STDOUT, request.requestId, headEnd - HEADER_LENGTH, 0);
    return closeStdout(request.requestId, headEnd, offset - headEnd, false);
  }
  return closeStdout(request.requestId, 0, offset - 8, request.mayEnd);
}

/**
 * Is called before the first bytes of a response leave that is not complete with them.
 *
 * nginx gathers what comes over a connection that is not kept, until it has 4 KB or the end. Where no length
 * announces the end either, the pieces of the response are meant to arrive as they come: it is told so.
 */
export function openResponse(request: FastCGIRequest): void {
  const { text } = request;
  if (request.keepConn || text === "" || !isBehindNginx(decodeParams(request.params))) return;
  const end = text.indexOf("\r\n\r\n") + 2;
  if (end < 2 || /\n(?:content-length|x-accel-buffering):/i.test(text.slice(0, end))) return;
  request.text = text.slice(0, end) + UNBUFFERED + text.slice(end);
  request.queuedLength += UNBUFFERED.length;
}

/** Writes `Status: ` at byte 8 of the slab; one by one, eight bytes cost less than a call of `set()`. */
function writeStatus(): void {
  slab[8] = 0x53;
  slab[9] = 0x74;
  slab[10] = 0x61;
  slab[11] = 0x74;
  slab[12] = 0x75;
  slab[13] = 0x73;
  slab[14] = 0x3a;
  slab[15] = 0x20;
}

/**
 * Puts the headers around `length` bytes of content that lie 8 bytes behind `begin` in the slab, and moves what is
 * beyond one record; returns the end.
 */
function closeStdout(requestId: number, begin: number, length: number, isLast: boolean): number {
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
  // Padding only where something follows: nginx 1.22 holds a head back until its record's padding is behind it.
  const padding = isLast ? paddingFor(last) : 0;
  writeHeader(slab, start, RecordType.STDOUT, requestId, last, padding);
  const contentEnd = start + HEADER_LENGTH + last;
  const end = contentEnd + padding;
  // Zeroes, never what an earlier answer left there.
  for (let offset = contentEnd; offset < end; offset++) slab[offset] = 0;
  return end;
}

/** Writes the end of STDOUT, of STDERR where it was used, and FCGI_END_REQUEST; returns the end. */
export function writeEnd(target: Buffer, offset: number, request: FastCGIRequest): number {
  const { requestId } = request;
  let end = offset;
  writeHeader(target, end, RecordType.STDOUT, requestId, 0, 0);
  end += 8;
  if (request.hasStderr) {
    writeHeader(target, end, RecordType.STDERR, requestId, 0, 0);
    end += 8;
  }
  writeEndRequest(target, end, requestId, request.appStatus, 0);
  return end + 16;
}

/** Encodes `length` bytes of chunks as STDOUT records that share their memory; a record may hold several. */
export function encodeChunks(requestId: number, chunks: readonly Uint8Array[], length: number): Uint8Array[] {
  const buffers: Uint8Array[] = [];
  let left = length;
  let room = 0;
  for (const chunk of chunks) {
    let start = 0;
    while (start < chunk.length) {
      if (room === 0) {
        room = Math.min(left, MAX_CONTENT_LENGTH);
        left -= room;
        const header = Buffer.allocUnsafe(HEADER_LENGTH);
        writeHeader(header, 0, RecordType.STDOUT, requestId, room, 0);
        buffers.push(header);
      }
      const end = Math.min(chunk.length, start + room);
      buffers.push(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end));
      room -= end - start;
      start = end;
    }
  }
  return buffers;
}

/** Takes up to `budget` bytes from the front of `chunks`, cutting the last chunk where it must. */
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
