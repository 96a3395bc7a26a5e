/**
 * Variables that a web server sets for a CGI program: those of RFC 3875, 4.1, and those that Apache, lighttpd and IIS
 * add. SSL_CERT_FILE, SSL_CERT_DIR and HTTPS_PROXY configure the process instead.
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
 * Returns whether an environment variable of a CGI program describes its request. Other variables (PATH, credentials,
 * variables set with `SetEnv`) stay in `process.env` only.
 *
 * @see RFC 3875, section 4.1
 */
export function isMetaVariable(name: string): boolean {
  return META_VARIABLE.test(name);
}
