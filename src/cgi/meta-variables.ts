/**
 * The variables that a web server sets for a CGI program: those of RFC 3875, 4.1, and the families that Apache,
 * lighttpd and IIS add. SSL_CERT_FILE, SSL_CERT_DIR and HTTPS_PROXY are a process's own.
 */
const META_VARIABLE = new RegExp(
  "^(?:" +
    "(?:HTTP|REQUEST|SERVER|REMOTE|SCRIPT|CONTENT|CONTEXT|DOCUMENT|AUTH|REDIRECT|TLS|ORIG|APPL)_.+" +
    "|SSL_(?!CERT_(?:FILE|DIR)$).+" +
    "|PATH_(?:INFO|TRANSLATED)" +
    "|HTTPS(?:_(?:KEYSIZE|SECRETKEYSIZE|SERVER_ISSUER|SERVER_SUBJECT))?" +
    "|QUERY_STRING|GATEWAY_INTERFACE|UNIQUE_ID|FCGI_ROLE|LOCAL_ADDR|LOGON_USER|UNENCODED_URL" +
    ")$",
);

/**
 * Whether an environment variable of a CGI program is a meta-variable of its request. What a program inherits
 * otherwise (PATH, credentials, variables set by `SetEnv`) is in `process.env` alone.
 *
 * @see RFC 3875, section 4.1
 */
export function isMetaVariable(name: string): boolean {
  return META_VARIABLE.test(name);
}
