import {
  HEADER_LENGTH,
  MAX_CONTENT_LENGTH,
  MAX_REQUEST_ID,
  NULL_REQUEST_ID,
  type ProtocolStatus,
  RecordType,
  type StreamType,
  VERSION_1,
} from "./constants.ts";

/** Largest content of records written here: the largest multiple of 8, so that full records need no padding. */
const STREAM_CONTENT_LENGTH = 65528;
const ZEROES = Buffer.alloc(8);
/** Length of the padding that makes content a multiple of 8 bytes. */
export function paddingFor(contentLength: number): number {
  return -contentLength & 7;
}

/**
 * Writes the header of a record, 8 bytes, into `target` at `offset`. Checks nothing.
 *
 * @see FastCGI 1.0, section 3.3
 */
export function writeHeader(
  target: Uint8Array,
  offset: number,
  type: number,
  requestId: number,
  contentLength: number,
  paddingLength: number,
): void {
  target[offset] = VERSION_1;
  target[offset + 1] = type;
  target[offset + 2] = requestId >> 8;
  target[offset + 3] = requestId;
  target[offset + 4] = contentLength >> 8;
  target[offset + 5] = contentLength;
  target[offset + 6] = paddingLength;
  target[offset + 7] = 0;
}

/**
 * Encodes one record, padded with zeros to a multiple of 8 bytes. Copies `content`.
 *
 * @param type a {@link RecordType}, or any other number up to 255
 * @throws RangeError if `content` is over 65,535 bytes or `requestId` is not between 0 and 65535
 * @example
 * ```ts
 * socket.write(encodeRecord(RecordType.STDIN, 1, Buffer.from("hello")));
 * ```
 * @see FastCGI 1.0, section 3.3
 */
export function encodeRecord(type: number, requestId: number, content: Uint8Array): Buffer {
  if (content.length > MAX_CONTENT_LENGTH) {
    throw new RangeError(`content of a record is ${content.length} bytes, at most 65535 fit`);
  }
  checkRequestId(requestId, NULL_REQUEST_ID);
  const padding = paddingFor(content.length);
  const record = Buffer.alloc(HEADER_LENGTH + content.length + padding);
  writeHeader(record, 0, type, requestId, content.length, padding);
  record.set(content, HEADER_LENGTH);
  return record;
}

/**
 * Encodes `content` as records of one stream of one request.
 *
 * Splits content over 65,528 bytes and pads with zeros to a multiple of 8 bytes. Returns no record for empty
 * content, because an empty record ends the stream: see {@link encodeStreamEnd}.
 *
 * @param type the stream, for instance `RecordType.STDOUT`
 * @returns buffers to write in order; they share memory with `content`
 * @throws RangeError if `requestId` is not between 1 and 65535
 * @example
 * ```ts
 * for (const buffer of encodeStream(RecordType.STDOUT, 1, Buffer.from("Status: 204\r\n\r\n"))) socket.write(buffer);
 * socket.write(encodeStreamEnd(RecordType.STDOUT, 1));
 * ```
 * @see FastCGI 1.0, sections 3.3 and 8
 */
export function encodeStream(type: StreamType, requestId: number, content: Uint8Array): Uint8Array[] {
  checkRequestId(requestId, 1);
  const buffers: Uint8Array[] = [];
  for (let start = 0; start < content.length; start += STREAM_CONTENT_LENGTH) {
    const piece = content.subarray(start, start + STREAM_CONTENT_LENGTH);
    const header = Buffer.allocUnsafe(HEADER_LENGTH);
    const padding = paddingFor(piece.length);
    writeHeader(header, 0, type, requestId, piece.length, padding);
    buffers.push(header, piece);
    if (padding > 0) buffers.push(ZEROES.subarray(0, padding));
  }
  return buffers;
}

/**
 * Encodes the empty record that ends a stream.
 *
 * @throws RangeError if `requestId` is not between 1 and 65535
 * @example
 * ```ts
 * socket.write(encodeStreamEnd(RecordType.STDIN, 1));
 * ```
 * @see FastCGI 1.0, section 3.3
 */
export function encodeStreamEnd(type: StreamType, requestId: number): Buffer {
  checkRequestId(requestId, 1);
  return encodeRecord(type, requestId, ZEROES.subarray(0, 0));
}

/**
 * Encodes FCGI_BEGIN_REQUEST, with which a web server begins a request.
 *
 * @param role a {@link Role}, or any other number up to 65,535
 * @param flags {@link KEEP_CONN} or 0
 * @throws RangeError if `requestId` is not between 1 and 65535
 * @example
 * ```ts
 * socket.write(encodeBeginRequest(1, Role.RESPONDER, KEEP_CONN));
 * ```
 * @see FastCGI 1.0, section 5.1
 */
export function encodeBeginRequest(requestId: number, role: number, flags: number): Buffer {
  checkRequestId(requestId, 1);
  return encodeRecord(
    RecordType.BEGIN_REQUEST,
    requestId,
    Uint8Array.of(role >> 8, role, flags, 0, 0, 0, 0, 0),
  );
}

/** Writes FCGI_END_REQUEST, 16 bytes, into `target` at `offset`. Checks nothing. */
export function writeEndRequest(
  target: Uint8Array,
  offset: number,
  requestId: number,
  appStatus: number,
  protocolStatus: number,
): void {
  writeHeader(target, offset, RecordType.END_REQUEST, requestId, 8, 0);
  target[offset + 8] = appStatus >>> 24;
  target[offset + 9] = appStatus >>> 16;
  target[offset + 10] = appStatus >>> 8;
  target[offset + 11] = appStatus;
  target[offset + 12] = protocolStatus;
  target[offset + 13] = 0;
  target[offset + 14] = 0;
  target[offset + 15] = 0;
}

/**
 * Encodes FCGI_END_REQUEST, with which an application ends a request.
 *
 * @param appStatus exit status, as of a CGI program: 32 bits
 * @throws RangeError if `requestId` is not between 1 and 65535
 * @example
 * ```ts
 * socket.write(encodeEndRequest(1, 0, ProtocolStatus.REQUEST_COMPLETE));
 * ```
 * @see FastCGI 1.0, section 5.5
 */
export function encodeEndRequest(
  requestId: number,
  appStatus: number,
  protocolStatus: ProtocolStatus,
): Buffer {
  checkRequestId(requestId, 1);
  const record = Buffer.alloc(HEADER_LENGTH + 8);
  writeEndRequest(record, 0, requestId, appStatus, protocolStatus);
  return record;
}

/**
 * Encodes FCGI_ABORT_REQUEST, with which a web server aborts a request.
 *
 * @throws RangeError if `requestId` is not between 1 and 65535
 * @example
 * ```ts
 * socket.write(encodeAbortRequest(1));
 * ```
 * @see FastCGI 1.0, section 5.4
 */
export function encodeAbortRequest(requestId: number): Buffer {
  checkRequestId(requestId, 1);
  return encodeRecord(RecordType.ABORT_REQUEST, requestId, ZEROES.subarray(0, 0));
}

/**
 * Encodes FCGI_UNKNOWN_TYPE, the response to a management record of an unknown type.
 *
 * @param type the unknown type
 * @example
 * ```ts
 * socket.write(encodeUnknownType(200));
 * ```
 * @see FastCGI 1.0, section 4.2
 */
export function encodeUnknownType(type: number): Buffer {
  return encodeRecord(RecordType.UNKNOWN_TYPE, NULL_REQUEST_ID, Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0));
}

function checkRequestId(requestId: number, least: number): void {
  if (!Number.isInteger(requestId) || requestId < least || requestId > MAX_REQUEST_ID) {
    throw new RangeError(`request id is ${requestId}, not an integer from ${least} to 65535`);
  }
}
