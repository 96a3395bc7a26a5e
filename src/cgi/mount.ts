/** A request target, split at a mount prefix. */
export interface MountedTarget {
  /** The prefix as written in the target, with its percent-encoding: `req.baseUrl`. */
  readonly baseUrl: string;
  /** The target without the prefix: `req.url`. */
  readonly url: string;
}

/**
 * Checks a mount prefix and removes slashes at its end.
 *
 * @throws TypeError if it does not begin with a slash
 */
export function readPrefix(prefix: string): string {
  if (!prefix.startsWith("/")) {
    throw new TypeError(
      `option mount is ${JSON.stringify(prefix)}: give a path that begins with a slash, or "script-name"`,
    );
  }
  return prefix.replace(/\/+$/, "");
}

/**
 * Removes a mount prefix from a request target.
 *
 * Decoded segments are compared: `/%61pp/x` is below `/app`; `/apple` and `/app%2Fx` are not. Scheme and authority of
 * an absolute target stay in `url`, as in Express.
 *
 * @param target as in REQUEST_URI
 * @param prefix decoded, without a slash at its end
 * @returns undefined if the target is not below the prefix
 */
export function splitMount(target: string, prefix: string): MountedTarget | undefined {
  if (prefix === "") return { baseUrl: "", url: target };
  const start = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i.exec(target)?.[0].length ?? 0;
  const query = target.slice(start).search(/[?#]/);
  const end = query === -1 ? target.length : start + query;
  let position = start;
  for (const segment of prefix.slice(1).split("/")) {
    if (target[position] !== "/" || position >= end) return undefined;
    const slash = target.indexOf("/", position + 1);
    const next = slash === -1 || slash > end ? end : slash;
    if (decode(target.slice(position + 1, next)) !== segment) return undefined;
    position = next;
  }
  const rest = target.slice(position);
  return {
    baseUrl: target.slice(start, position),
    url: target.slice(0, start) + (rest.startsWith("/") ? rest : `/${rest}`),
  };
}

/**
 * Removes SCRIPT_NAME from a request target if it is a proper prefix of the path. Some web servers put the whole path
 * there, which is no mount prefix.
 *
 * @param scriptName decoded by the web server; Latin-1, one character per byte
 */
export function splitScriptName(target: string, scriptName: string): MountedTarget | undefined {
  if (!scriptName.startsWith("/") || scriptName.endsWith("/")) return undefined;
  const split = splitMount(target, Buffer.from(scriptName, "latin1").toString());
  // If splitMount() added a slash, the prefix is the whole path.
  return split !== undefined && split.baseUrl.length + split.url.length === target.length ? split : undefined;
}

function decode(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
