/**
 * Where web servers differ from the specifications or from each other, and what this library does about it. Decisions
 * that depend on the web server are functions of this file; what holds for every web server is done where it belongs.
 *
 * | web server | version | symptom | what we do |
 * | --- | --- | --- | --- |
 * | nginx | all | buffers a response on a connection that is not kept, up to 4 KB | {@link buffersResponse} |
 * | nginx | 1.22 | waits for a record's padding before it forwards a head | pad the last record only |
 * | nginx | 1.22 | holds back less than 8 bytes of body in the record of the head | head in a record of its own |
 * | nginx | all | one `fastcgi_param` in a location drops all inherited ones | {@link NO_METHOD_MESSAGE} |
 * | nginx, Caddy | all | empty HTTP_HOST and CONTENT_TYPE for missing fields | ignore them (`FILLED_HEADER`) |
 * | nginx | all | empty CONTENT_LENGTH without a body | no length |
 * | nginx, h2o | all | white space after a field value | trim it |
 * | nginx | all | REMOTE_ADDR is `unix:` for a client on a unix socket | no address |
 * | nginx, Caddy, lighttpd | all | HTTP_CONTENT_LENGTH, HTTP_CONTENT_TYPE beside CONTENT_\*; forgeable | ignore HTTP_\* |
 * | nginx, Apache ProxyPass, HAProxy | all | SCRIPT_NAME is the whole path | no mount prefix |
 * | nginx, Caddy, h2o | all | take END_REQUEST for a complete response | reset the connection of a broken response |
 * | Caddy | all | sends fields in another order each time | {@link sendsFieldsInRandomOrder} |
 * | Caddy | 2.6 | CONTENT_LENGTH is -1 for a chunked upload | no length |
 * | Caddy | 2.6 | reads no response before it has written the body | `lingerTimeout`, a minimum rate of input |
 * | Apache | all | redirects internally only if the status is 200 | {@link redirectsInternally} |
 * | Apache mod_fcgid | all | replaces the process after a reset | {@link replacesProcessOnReset} |
 * | Apache mod_fcgid | all | forwards body bytes beyond Content-Length | cut the body |
 * | Apache, HAProxy | all | OVERLOADED becomes an empty 200, or a hung request | respond 503 |
 * | lighttpd, HAProxy | all | wait for body bytes up to Content-Length | reset the connection of a short response |
 * | lighttpd | all | passes `/apple` to the application at `/app` | respond 404 |
 * | all but lighttpd | all | cannot forward 1xx responses, nor 101 | drop 1xx; 501 in place of 101 |
 * | HAProxy | 2.6 | a Location field makes any earlier status 302 | write Status last |
 * | HAProxy | 2.6 | sends no empty STDIN record after an empty chunked upload | count CONTENT_LENGTH |
 * | HAProxy | before 3 | may crash on FCGI_STDERR | {@link crashesOnStderr} |
 * | h2o | 2.2 | aborts if a kept connection is free before an upload is written | {@link crashesOnEarlyEnd} |
 */
import type { Params } from "./params.ts";

/** How to configure FastCGI in each web server, for those who configured a proxy for HTTP. */
export const FASTCGI_DIRECTIVES: string =
  "use fastcgi_pass (nginx), transport fastcgi (Caddy), fcgi:// (Apache), fastcgi.server (lighttpd), " +
  "proto fcgi (HAProxy) or fastcgi.connect (h2o)";

/** The message for a request without REQUEST_METHOD: in nginx, a `fastcgi_param` in a location replaces all others. */
export const NO_METHOD_MESSAGE =
  "the web server sent no REQUEST_METHOD: in nginx, put `include fastcgi_params;` into the location";

/**
 * Caddy iterates over a Go map. `headers` would have another shape for each request, which costs V8 several
 * microseconds.
 */
export function sendsFieldsInRandomOrder(serverSoftware: string): boolean {
  return serverSoftware.startsWith("Caddy");
}

/** HAProxy 2.6 crashes now and then. */
export function crashesOnStderr(serverSoftware: string): boolean {
  return /^HAProxy [0-2]\./.test(serverSoftware);
}

/** h2o 2.2 fails an assertion if a request on a kept connection ends before h2o has written the upload. */
export function crashesOnEarlyEnd(serverSoftware: string): boolean {
  return serverSoftware.startsWith("h2o/");
}

/**
 * Apache performs a local redirect if the status is 200. Other web servers forward it to the client, so it needs a
 * status of 3xx.
 *
 * @see RFC 3875, section 6.2.2
 */
export function redirectsInternally(serverSoftware: string): boolean {
  return serverSoftware.startsWith("Apache");
}

/**
 * mod_fcgid kills the process that resets a connection. SERVER_SOFTWARE names mod_fcgid in every Apache that has loaded
 * it, so mod_proxy_fcgi 2.4 is excluded: it prefixes SCRIPT_FILENAME. mod_fcgid sends `Connection: close` and never
 * FCGI_KEEP_CONN.
 */
export function replacesProcessOnReset(params: Params): boolean {
  const { SERVER_SOFTWARE, SCRIPT_FILENAME, HTTP_CONNECTION } = params;
  return (
    HTTP_CONNECTION === "close" &&
    (SERVER_SOFTWARE?.startsWith("Apache") ?? false) &&
    !SCRIPT_FILENAME?.startsWith("proxy:")
  );
}

/** nginx buffers 4 KB of a response unless the connection is kept or the response says `X-Accel-Buffering: no`. */
export function buffersResponse(params: Params): boolean {
  return params.SERVER_SOFTWARE?.startsWith("nginx/") ?? false;
}
