/**
 * The numbers and names of FastCGI 1.0. The keys of the objects are the specification's names less `FCGI_`.
 *
 * @see FastCGI 1.0, section 8
 */

/** Version of the protocol, the first byte of each record. There is no other. */
export const VERSION_1 = 1;

/** Length of the header of a record in bytes. */
export const HEADER_LENGTH = 8;

/** Largest `contentLength` of a record in bytes: it is an unsigned 16-bit number. */
export const MAX_CONTENT_LENGTH = 65535;

/** Largest request id. */
export const MAX_REQUEST_ID = 65535;

/** Request id of management records, which belong to the connection (section 4). */
export const NULL_REQUEST_ID = 0;

/** File descriptor of the listening socket that a process manager passes to an application (section 2.2). */
export const LISTENSOCK_FILENO = 0;

/** Flag of FCGI_BEGIN_REQUEST: the application leaves the connection open after the response (section 5.1). */
export const KEEP_CONN = 1;

/**
 * Types of records. Records of other types may arrive: receivers of management records respond with
 * FCGI_UNKNOWN_TYPE, others ignore them.
 *
 * @see FastCGI 1.0, section 8
 */
export const RecordType = {
  BEGIN_REQUEST: 1,
  ABORT_REQUEST: 2,
  END_REQUEST: 3,
  PARAMS: 4,
  STDIN: 5,
  STDOUT: 6,
  STDERR: 7,
  DATA: 8,
  GET_VALUES: 9,
  GET_VALUES_RESULT: 10,
  UNKNOWN_TYPE: 11,
} as const;

/** One of the types of records. */
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/**
 * Types of the records whose contents together form a stream, which an empty record ends.
 *
 * @see FastCGI 1.0, section 3.3
 */
export type StreamType = (typeof RecordType)["PARAMS" | "STDIN" | "STDOUT" | "STDERR" | "DATA"];

/** Types of the streams that carry the body of a request: FCGI_STDIN, and FCGI_DATA in the Filter role. */
export type InputStreamType = (typeof RecordType)["STDIN" | "DATA"];

/**
 * Roles of an application, as FCGI_BEGIN_REQUEST has them.
 *
 * @see FastCGI 1.0, section 6
 */
export const Role = { RESPONDER: 1, AUTHORIZER: 2, FILTER: 3 } as const;

/** Number of a role. */
export type Role = (typeof Role)[keyof typeof Role];

/**
 * How a request ended, as FCGI_END_REQUEST has it: complete, or refused for one of three reasons.
 *
 * @see FastCGI 1.0, section 5.5
 */
export const ProtocolStatus = {
  REQUEST_COMPLETE: 0,
  CANT_MPX_CONN: 1,
  OVERLOADED: 2,
  UNKNOWN_ROLE: 3,
} as const;

/** Number of a protocol status. */
export type ProtocolStatus = (typeof ProtocolStatus)[keyof typeof ProtocolStatus];

/**
 * Names of the variables that FCGI_GET_VALUES can ask for.
 *
 * @see FastCGI 1.0, section 4.1
 */
export const ValueName = {
  MAX_CONNS: "FCGI_MAX_CONNS",
  MAX_REQS: "FCGI_MAX_REQS",
  MPXS_CONNS: "FCGI_MPXS_CONNS",
} as const;

/** Name of one of these variables. */
export type ValueName = (typeof ValueName)[keyof typeof ValueName];
