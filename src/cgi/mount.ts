/** Where a target stands under a mount prefix. */
export interface MountedTarget {
  /** The prefix as it stands in the target, percent-encoding and all: `req.baseUrl`. */
  readonly baseUrl: string;
  /** The target without it: `req.url`. */
  readonly url: string;
}

/**
 * Checks a mount prefix, and takes the slash at its end off.
 *
 * @throws TypeError if it begins with no slash
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
 * Takes a mount prefix off a request target.
 *
 * The prefix is compared segment by segment, decoded, so that `/%61pp/x` is under `/app`, and neither `/apple`
 * nor `/app%2Fx` is. Scheme and authority of an absolute target stay, as Express leaves them.
 *
 * @param target as in REQUEST_URI
 * @param prefix decoded, without a slash at its end
 * @returns undefined if the target is not under the prefix
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
 * Takes SCRIPT_NAME off a request target, where it is a true prefix of its path: nginx, Apache's ProxyPass and
 * HAProxy put the whole path there, which says nothing of a mount.
 *
 * @param scriptName bytes as Latin-1 characters, decoded by the web server
 */
export function splitScriptName(target: string, scriptName: string): MountedTarget | undefined {
  if (!scriptName.startsWith("/") || scriptName.endsWith("/")) return undefined;
  const split = splitMount(target, Buffer.from(scriptName, "latin1").toString());
  // A slash was added where the path ends with the prefix: it is the whole path then.
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
