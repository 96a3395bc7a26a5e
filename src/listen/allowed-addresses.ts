import { BlockList, isIP, type Server, Socket } from "node:net";
import { argumentError, describeValue } from "./argument-error.ts";
import { rethrowApart } from "./rethrow.ts";

/**
 * The addresses that may connect: an array of addresses (`192.0.2.1`, `2001:db8::1`) and networks (`192.0.2.0/24`,
 * `2001:db8::/32`), or a `net.BlockList`, whose entries are the ones allowed.
 */
export type AllowedAddresses = readonly string[] | BlockList;

/** Returns whether a web server may connect from an address. */
type AddressFilter = (address: string) => boolean;
/** Returns why a connection is refused, or undefined if it is accepted. */
export type ConnectionFilter = (socket: Socket) => string | undefined;

/**
 * Creates the filter of a server's connections. Looking up the remote address costs a system call per connection, so
 * there is no filter if every address may connect.
 *
 * A TCP connection without a remote address is refused: the web server reset it before it was accepted. Connections to
 * a unix socket are accepted, and so are streams other than `net.Socket` that a program passes to
 * `emit("connection")`; neither has an address. If a BlockList of the application throws, the connection is refused and
 * the exception is rethrown in a tick of its own.
 *
 * @param option the option `allowedAddresses`
 * @param variable the value of FCGI_WEB_SERVER_ADDRS
 * @returns undefined if every address may connect
 * @throws TypeError `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE` if an entry is no address
 * @see FastCGI 1.0, section 3.2
 */
export function createConnectionFilter(
  server: Server,
  option: AllowedAddresses | undefined,
  variable: string | undefined,
): ConnectionFilter | undefined {
  const isAllowed = createAddressFilter(option, variable);
  if (isAllowed === undefined) return undefined;
  return (socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress !== undefined) {
      return isAllowed(remoteAddress)
        ? undefined
        : `connection from ${remoteAddress}, which is not among the allowed addresses`;
    }
    return mayBeTCP(server, socket)
      ? "connection that was reset before its address was known, and may not be from an allowed one"
      : undefined;
  };
}

function mayBeTCP(server: Server, socket: Socket): boolean {
  if (!(socket instanceof Socket)) return false;
  // address() returns a string for a unix socket, and null for an inherited one.
  if (server.listening) return typeof server.address() === "object" && server.address() !== null;
  // Passed by a program. The local address of a TCP socket is known until the socket is closed.
  return socket.destroyed || socket.localAddress !== undefined;
}

/**
 * Creates one filter from the option and FCGI_WEB_SERVER_ADDRS. If both are given, an address must be in both.
 */
function createAddressFilter(
  option: AllowedAddresses | undefined,
  variable: string | undefined,
): AddressFilter | undefined {
  const lists: BlockList[] = [];
  if (option !== undefined) {
    lists.push(option instanceof BlockList ? option : readList(option, "option allowedAddresses"));
  }
  if (variable !== undefined && variable.trim() !== "") {
    const entries = variable.split(",").map((entry) => entry.trim());
    lists.push(readList(entries, "environment variable FCGI_WEB_SERVER_ADDRS"));
  }
  if (lists.length === 0) return undefined;
  return (remoteAddress) => {
    // A dual-stack socket reports IPv4 addresses as IPv4-mapped IPv6 addresses.
    const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, "");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    try {
      return lists.every((list) => list.check(address, family));
    } catch (error) {
      // The application passed the list; an address that cannot be looked up is refused.
      rethrowApart(error);
      return false;
    }
  };
}

function readList(entries: readonly string[], source: string): BlockList {
  const list = new BlockList();
  if (!Array.isArray(entries)) {
    throw argumentError(
      "ERR_INVALID_ARG_TYPE",
      `${source} is ${describeValue(entries)}: give an array of addresses, or a BlockList`,
    );
  }
  for (const entry of entries) {
    const [address = "", prefix] = String(entry).split("/");
    const version = isIP(address);
    const isPrefix =
      prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
    if (version === 0 || !isPrefix) {
      throw argumentError(
        "ERR_INVALID_ARG_VALUE",
        `${source} holds ${describeValue(entry)}: give addresses such as 192.0.2.1 or 2001:db8::1, or networks such as 192.0.2.0/24`,
      );
    }
    const family = version === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}
