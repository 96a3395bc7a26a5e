import { BlockList, isIP, type Server, Socket } from "node:net";
import { rethrowApart } from "../http/request-failure.ts";
import { argumentError, describeValue } from "./argument-error.ts";

/** Addresses (`192.0.2.1`, `2001:db8::1`) and networks (`192.0.2.0/24`, `2001:db8::/32`), or a list of Node's own. */
export type AllowedAddresses = readonly string[] | BlockList;

/** Says whether a web server may connect from an address. */
type AddressFilter = (address: string) => boolean;
/** Says why a connection is refused; undefined if it is not. */
export type ConnectionFilter = (socket: Socket) => string | undefined;

/**
 * Makes the filter of a server's connections. It looks at the address of each; that costs a system call, so that there
 * is no filter where everybody may connect.
 *
 * A connection without an address is refused if it may be TCP's: that of a peer that has reset it already. Let through
 * are those of a server that listens on a unix socket, and what a program itself passes to `emit("connection")` and is
 * no `net.Socket`: it has no address to ask for, and the program vouches for it.
 *
 * @param option `allowedAddresses`
 * @param variable value of FCGI_WEB_SERVER_ADDRS
 * @returns undefined if everybody may connect
 * @throws TypeError if an entry is no address
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
  // Of a descriptor that is a unix socket, Node knows no name.
  if (server.listening) return typeof server.address() === "object" && server.address() !== null;
  // From elsewhere. Its own side of TCP has an address still, unless it is closed.
  return socket.destroyed || socket.localAddress !== undefined;
}

/**
 * Makes one filter of the option and of FCGI_WEB_SERVER_ADDRS: where both are given, an address has to be in both.
 *
 * @see FastCGI 1.0, section 3.2
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
    // What IPv4 looks like to a socket that takes both.
    const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, "");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    try {
      return lists.every((list) => list.check(address, family));
    } catch (error) {
      // A list of the application's own: who cannot be looked up is not let in.
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
