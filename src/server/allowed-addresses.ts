import { BlockList, isIP } from "node:net";

/** Addresses (`192.0.2.1`, `2001:db8::1`) and networks (`192.0.2.0/24`, `2001:db8::/32`), or a list of Node's own. */
export type AllowedAddresses = readonly string[] | BlockList;

/** Says whether a web server may connect from an address. */
export type AddressFilter = (address: string) => boolean;

/**
 * Makes one filter of the option and of FCGI_WEB_SERVER_ADDRS: where both are given, an address has to be in both.
 *
 * @param variable value of the environment variable: addresses with commas between them
 * @returns undefined if everybody may connect
 * @throws TypeError if an entry is no address
 * @see FastCGI 1.0, section 3.2
 */
export function createAddressFilter(
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
    return lists.every((list) => list.check(address, family));
  };
}

function readList(entries: readonly string[], source: string): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix] = entry.split("/");
    const version = isIP(address);
    const isPrefix =
      prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
    if (version === 0 || !isPrefix) {
      throw new TypeError(
        `${source} holds ${JSON.stringify(entry)}: give addresses such as 192.0.2.1 or 2001:db8::1, or networks such as 192.0.2.0/24`,
      );
    }
    const family = version === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}
