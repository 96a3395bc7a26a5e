/**
 * The numbers of the FastCGI 1.0 specification, under its names less `FCGI_`.
 *
 * @see FastCGI 1.0, section 8
 */

/** The only protocol version there is. */
export const VERSION_1 = 1;

/** Length of a record's header in bytes. */
export const HEADER_LENGTH = 8;

/** Largest content of one record in bytes: `contentLength` is an unsigned 16-bit number. */
export const MAX_CONTENT_LENGTH = 65535;

/** Largest request id. */
export const MAX_REQUEST_ID = 65535;

/** Request id of management records. */
export const NULL_REQUEST_ID = 0;

/** Descriptor on which a process manager hands over the listening socket (section 2.2). */
export const LISTENSOCK_FILENO = 0;

/** Flag of FCGI_BEGIN_REQUEST: the application must not close the connection after the answer. */
export const KEEP_CONN = 1;

/** Types of records. */
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
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** Types of the records that form a stream, ended by an empty record. */
export type StreamType = 4 | 5 | 6 | 7 | 8;

/** Roles that a web server can ask an application to play (section 6). */
export const Role = { RESPONDER: 1, AUTHORIZER: 2, FILTER: 3 } as const;
export type Role = (typeof Role)[keyof typeof Role];

/** Outcomes of a request at the level of the protocol (section 5.5). */
export const ProtocolStatus = {
  REQUEST_COMPLETE: 0,
  CANT_MPX_CONN: 1,
  OVERLOADED: 2,
  UNKNOWN_ROLE: 3,
} as const;
export type ProtocolStatus = (typeof ProtocolStatus)[keyof typeof ProtocolStatus];

/** Names that a web server can ask for with FCGI_GET_VALUES (section 4.1). */
export const ValueName = {
  MAX_CONNS: "FCGI_MAX_CONNS",
  MAX_REQS: "FCGI_MAX_REQS",
  MPXS_CONNS: "FCGI_MPXS_CONNS",
} as const;
export type ValueName = (typeof ValueName)[keyof typeof ValueName];
