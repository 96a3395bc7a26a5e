import { ProtocolStatus } from "./constants.ts";
import { ProtocolError } from "./errors.ts";

/** Body of FCGI_BEGIN_REQUEST (FastCGI 1.0, section 5.1). */
export interface BeginRequestBody {
  /** A {@link Role}, or the number of an unknown role. */
  readonly role: number;
  /** {@link KEEP_CONN} and bits without a meaning. */
  readonly flags: number;
}

/** Body of FCGI_END_REQUEST (FastCGI 1.0, section 5.5). */
export interface EndRequestBody {
  /** Exit status of the program, unsigned 32 bits. */
  readonly appStatus: number;
  /** Whether the request was complete, or why it was refused. */
  readonly protocolStatus: ProtocolStatus;
}

/** Length of the bodies of FCGI_BEGIN_REQUEST and FCGI_END_REQUEST in bytes. */
const BODY_LENGTH = 8;
const PROTOCOL_STATUSES: ReadonlySet<number> = new Set(Object.values(ProtocolStatus));

/**
 * Decodes the body of FCGI_BEGIN_REQUEST.
 *
 * @param content of the record
 * @throws ProtocolError if it is not 8 bytes long
 * @example
 * ```ts
 * const [record] = new RecordParser().push(encodeBeginRequest(1, Role.FILTER, KEEP_CONN));
 * const { role, flags } = decodeBeginRequest(record!.content);
 * console.log(role === Role.FILTER, (flags & KEEP_CONN) !== 0); // true true
 * ```
 * @see FastCGI 1.0, section 5.1
 */
export function decodeBeginRequest(content: Uint8Array): BeginRequestBody {
  checkBody("FCGI_BEGIN_REQUEST", content);
  return { role: (content[0]! << 8) | content[1]!, flags: content[2]! };
}

/**
 * Decodes the body of FCGI_END_REQUEST.
 *
 * @param content of the record
 * @throws ProtocolError if it is not 8 bytes long, or its protocol status is none of the specification's
 * @example
 * ```ts
 * const [record] = new RecordParser().push(encodeEndRequest(1, 0, ProtocolStatus.OVERLOADED));
 * console.log(decodeEndRequest(record!.content).protocolStatus === ProtocolStatus.OVERLOADED); // true
 * ```
 * @see FastCGI 1.0, section 5.5
 */
export function decodeEndRequest(content: Uint8Array): EndRequestBody {
  checkBody("FCGI_END_REQUEST", content);
  const protocolStatus = content[4]!;
  if (!isProtocolStatus(protocolStatus)) {
    throw new ProtocolError(`FCGI_END_REQUEST has the protocol status ${protocolStatus}, which is none`);
  }
  const appStatus = content[0]! * 0x1000000 + ((content[1]! << 16) | (content[2]! << 8) | content[3]!);
  return { appStatus, protocolStatus };
}

function checkBody(name: string, content: Uint8Array): void {
  if (content.length === BODY_LENGTH) return;
  throw new ProtocolError(`${name} holds ${content.length} bytes, not ${BODY_LENGTH}`);
}

function isProtocolStatus(value: number): value is ProtocolStatus {
  return PROTOCOL_STATUSES.has(value);
}
