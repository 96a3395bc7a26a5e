import { HEADER_LENGTH, MAX_CONTENT_LENGTH, RecordType } from "../protocol/constants.ts";
import { paddingFor, writeEndRequest, writeHeader } from "../protocol/record.ts";
import type { FastCGIRequest } from "./fastcgi-request.ts";

const SLAB_LENGTH = 32768;
/** Bytes of a slab that are left to headers, padding and the end of a request. */
const OVERHEAD = 128;
/** Largest content that is copied into the slab; larger chunks are sent from where they lie. */
export const MAX_COPIED_LENGTH: number = SLAB_LENGTH - OVERHEAD;

const STATUS = Buffer.from("Status: ");

let slab: Buffer = Buffer.allocUnsafeSlow(SLAB_LENGTH);

/** The shared buffer in which small answers are put together. */
export function outputSlab(): Buffer {
  return slab;
}

/** Leaves the slab to a socket that has not sent it yet, and takes a new one. */
export function replaceOutputSlab(): void {
  slab = Buffer.allocUnsafeSlow(SLAB_LENGTH);
}

/** Whether all that a request has queued fits the slab, in any encoding. */
export function fitsSlab(request: FastCGIRequest): boolean {
  const { queuedLength, text, textEncoding } = request;
  return (textEncoding === "latin1" ? queuedLength : queuedLength + text.length * 2) <= MAX_COPIED_LENGTH;
}

/** Writes all that a request has queued as one STDOUT record at the start of the slab; returns its end. */
export function writeQueued(request: FastCGIRequest): number {
  const { text, textEncoding, chunks } = request;
  let offset = 8;
  if (request.isHTTP) {
    // The text lies one byte into the record's header, and `Status: ` over `HTTP/1.1 `: no string is made anew.
    offset = 7 + slab.write(text, 7, textEncoding);
    slab.set(STATUS, 8);
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
  return offset === 8 ? 0 : closeStdout(request.requestId, offset - 8, request.isComplete);
}

/** Copies chunks, which must fit, as one STDOUT record to the start of the slab; returns its end. */
export function writeChunks(requestId: number, chunks: readonly Uint8Array[], isLast: boolean): number {
  let offset = 8;
  for (const chunk of chunks) {
    slab.set(chunk, offset);
    offset += chunk.length;
  }
  return offset === 8 ? 0 : closeStdout(requestId, offset - 8, isLast);
}

function closeStdout(requestId: number, length: number, isLast: boolean): number {
  // Padding only where something follows: nginx 1.22 holds a head back until its record's padding is behind it.
  const padding = isLast ? paddingFor(length) : 0;
  writeHeader(slab, 0, RecordType.STDOUT, requestId, length, padding);
  const end = 8 + length + padding;
  // Zeroes, never what an earlier answer left there.
  for (let offset = 8 + length; offset < end; offset++) slab[offset] = 0;
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
