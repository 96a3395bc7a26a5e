/** The wire format of FastCGI 1.0, without I/O: for those who build servers, clients or tools on it. */
export * from "./constants.ts";
export * from "./errors.ts";
export { decodeNameValuePairs, encodeNameValuePairs, type PairReader, readPairs } from "./name-value.ts";
export {
  encodeAbortRequest,
  encodeBeginRequest,
  encodeEndRequest,
  encodeRecord,
  encodeStream,
  encodeStreamEnd,
  encodeUnknownType,
} from "./record.ts";
export { type FastCGIRecord, RecordParser } from "./record-parser.ts";
export { RecordReader, type RecordSink } from "./record-reader.ts";
