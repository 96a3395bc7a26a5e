/**
 * The wire format of FastCGI 1.0: bytes in, bytes out, no I/O. For servers, clients and tools.
 *
 * @packageDocumentation
 */
export * from "./constants.ts";
export * from "./errors.ts";
export {
  decodeNameValuePairs,
  encodeNameValuePairs,
  type NameValueEncoding,
  type PairReader,
  readPairs,
} from "./name-value.ts";
export {
  encodeAbortRequest,
  encodeBeginRequest,
  encodeEndRequest,
  encodeRecord,
  encodeStream,
  encodeStreamEnd,
  encodeUnknownType,
} from "./record.ts";
export {
  type BeginRequestBody,
  decodeBeginRequest,
  decodeEndRequest,
  type EndRequestBody,
} from "./record-body.ts";
export { type FastCGIRecord, RecordParser } from "./record-parser.ts";
export { RecordReader, type RecordSink } from "./record-reader.ts";
