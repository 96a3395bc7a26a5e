/**
 * Names that are known when the module is loaded, so that names from clients cannot evict them from the table: the
 * meta-variables of RFC 3875 and of web servers, and the request header fields of browsers, proxies and CDNs.
 *
 * Other names are read with the same result; reading them only costs more.
 */

/** Meta-variables that are not header fields. */
export const KNOWN_VARIABLES: readonly string[] = words(`
  AUTH_TYPE CONTENT_LENGTH CONTENT_TYPE GATEWAY_INTERFACE PATH_INFO PATH_TRANSLATED QUERY_STRING REMOTE_ADDR
  REMOTE_HOST REMOTE_IDENT REMOTE_USER REQUEST_METHOD SCRIPT_NAME SERVER_NAME SERVER_PORT SERVER_PROTOCOL
  SERVER_SOFTWARE
  CONTEXT_DOCUMENT_ROOT CONTEXT_PREFIX DOCUMENT_ROOT DOCUMENT_URI FCGI_ROLE HTTPS ORIG_PATH_INFO
  ORIG_PATH_TRANSLATED ORIG_SCRIPT_FILENAME ORIG_SCRIPT_NAME PATH REDIRECT_QUERY_STRING REDIRECT_STATUS
  REDIRECT_URI REDIRECT_URL REMOTE_PORT REQUEST_SCHEME REQUEST_URI SCRIPT_FILENAME SCRIPT_URI SCRIPT_URL
  SERVER_ADDR SERVER_ADMIN SERVER_SIGNATURE UNIQUE_ID HOME proxy-nokeepalive proxy-sendcl
  APPL_MD_PATH APPL_PHYSICAL_PATH INSTANCE_ID INSTANCE_META_PATH LOCAL_ADDR LOGON_USER REMOTE_LOGIN
  SERVER_PORT_SECURE UNENCODED_URL
  SSL_CIPHER SSL_CIPHER_ALGKEYSIZE SSL_CIPHER_EXPORT SSL_CIPHER_USEKEYSIZE SSL_CLIENT_CERT SSL_CLIENT_FINGERPRINT
  SSL_CLIENT_I_DN SSL_CLIENT_M_SERIAL SSL_CLIENT_S_DN SSL_CLIENT_S_DN_CN SSL_CLIENT_V_END SSL_CLIENT_V_REMAIN
  SSL_CLIENT_V_START SSL_CLIENT_VERIFY SSL_PROTOCOL SSL_SERVER_I_DN SSL_SERVER_S_DN SSL_SESSION_ID
  SSL_SESSION_RESUMED SSL_TLS_SNI SSL_VERSION_INTERFACE SSL_VERSION_LIBRARY
`);

/** Header fields, in lower case. */
export const KNOWN_FIELDS: readonly string[] = words(`
  accept accept-charset accept-datetime accept-encoding accept-language access-control-request-headers
  access-control-request-method access-control-request-private-network alt-used authorization cache-control
  connection content-digest content-disposition content-encoding content-language content-length
  content-location content-md5 content-range content-type cookie cookie2 date depth destination device-memory
  dnt downlink dpr early-data ect expect forwarded from host http2-settings if if-match if-modified-since
  if-none-match if-range if-unmodified-since keep-alive last-event-id last-modified link lock-token max-forwards
  mime-version origin origin-agent-cluster overwrite pragma prefer priority proxy proxy-authorization
  proxy-connection purpose range referer repr-digest rtt save-data sec-browsing-topics sec-ch-device-memory
  sec-ch-dpr sec-ch-prefers-color-scheme sec-ch-prefers-reduced-motion sec-ch-prefers-reduced-transparency
  sec-ch-ua sec-ch-ua-arch sec-ch-ua-bitness sec-ch-ua-form-factors sec-ch-ua-full-version
  sec-ch-ua-full-version-list sec-ch-ua-mobile sec-ch-ua-model sec-ch-ua-platform sec-ch-ua-platform-version
  sec-ch-ua-wow64 sec-ch-viewport-height sec-ch-viewport-width sec-ch-width sec-fetch-dest sec-fetch-mode
  sec-fetch-site sec-fetch-storage-access sec-fetch-user sec-gpc sec-purpose sec-websocket-extensions
  sec-websocket-key sec-websocket-protocol sec-websocket-version service-worker
  service-worker-navigation-preload set-cookie signature signature-input soapaction te timeout trailer
  transfer-encoding upgrade upgrade-insecure-requests user-agent via viewport-width want-content-digest
  want-repr-digest warning width
  age etag expires location retry-after server
  api-key apikey csrf-token idempotency-key x-access-token x-api-key x-api-version x-auth-token x-client-version
  x-correlation-id x-csrf-token x-csrftoken x-device-id x-file-name x-file-size x-http-method x-http-method-override
  x-method-override x-mobile-app x-moz x-purpose x-requested-with x-request-id x-session-id x-tenant x-tenant-id
  x-trace-id x-upload-content-length x-upload-content-type x-user-agent x-user-id x-version x-xsrf-token
  hx-boosted hx-current-url hx-history-restore-request hx-prompt hx-request hx-target hx-trigger hx-trigger-name
  x-inertia x-inertia-partial-component x-inertia-partial-data x-inertia-version x-pjax x-pjax-container
  turbo-frame next-action next-router-prefetch next-router-state-tree next-url rsc x-nextjs-data x-sveltekit-action
  tus-resumable upload-length upload-metadata upload-offset upload-defer-length upload-concat
  b3 baggage grpc-timeout sentry-trace traceparent tracestate uber-trace-id x-b3-flags x-b3-parentspanid x-b3-sampled
  x-b3-spanid x-b3-traceid x-datadog-origin x-datadog-parent-id x-datadog-sampling-priority x-datadog-tags
  x-datadog-trace-id newrelic x-cloud-trace-context
  client-ip forwarded-for x-att-deviceid x-client-ip x-cluster-client-ip x-envoy-attempt-count
  x-envoy-expected-rq-timeout-ms x-envoy-external-address x-forwarded x-forwarded-by x-forwarded-client-cert
  x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-protocol
  x-forwarded-scheme x-forwarded-server x-forwarded-ssl x-forwarded-uri x-original-host x-original-proto
  x-original-uri x-original-url x-originating-ip x-proxyuser-ip x-real-ip x-real-port x-remote-addr x-remote-ip
  x-rewrite-url x-scheme x-ssl x-url-scheme x-varnish front-end-https cdn-loop surrogate-capability
  cf-access-client-id cf-access-jwt-assertion cf-connecting-ip cf-connecting-ipv6 cf-ew-via cf-ipcity cf-ipcontinent
  cf-ipcountry cf-iplatitude cf-iplongitude cf-pseudo-ipv4 cf-ray cf-region cf-timezone cf-visitor cf-warp-tag-id
  cf-worker true-client-ip
  fastly-client fastly-client-ip fastly-ff fastly-ssl fastly-temp-xff
  akamai-origin-hop x-akamai-config-log-detail x-akamai-edgescape x-edgeconnect-midmile-rtt
  cloudfront-forwarded-proto cloudfront-is-desktop-viewer cloudfront-is-mobile-viewer cloudfront-is-smarttv-viewer
  cloudfront-is-tablet-viewer cloudfront-viewer-address cloudfront-viewer-asn cloudfront-viewer-country
  cloudfront-viewer-http-version cloudfront-viewer-tls x-amz-cf-id x-amz-content-sha256 x-amz-date
  x-amz-security-token x-amzn-trace-id
  x-appengine-city x-appengine-country x-appengine-user-ip x-azure-clientip x-azure-fdid x-azure-ref
  x-azure-requestchain x-azure-socketip x-fd-healthprobe x-arr-log-id x-arr-ssl x-gfe-request-trace
  x-goog-authenticated-user-email x-goog-authenticated-user-id x-iap-jwt-assertion fly-client-ip fly-region
  x-vercel-id x-vercel-ip-country x-nf-client-connection-ip do-connecting-ip x-bunny-server cdn-requestid
  x-remote-user x-auth-request-user x-auth-request-email x-forwarded-user x-forwarded-email x-forwarded-groups
  x-forwarded-access-token x-forwarded-preferred-username x-client-cert x-ssl-client-cert x-ssl-client-verify
`);

/** Fields of which node:http keeps the first value. All of them are in {@link KNOWN_FIELDS}. */
export const FIRST_WINS: ReadonlySet<string> = new Set(
  words(`
    age authorization etag expires from if-modified-since if-unmodified-since last-modified location max-forwards
    proxy-authorization referer retry-after server user-agent
  `),
);

/** Fields that a request has once. A second one comes from the web server's configuration. */
export const ONCE: ReadonlySet<string> = new Set(["host", "content-length", "content-type"]);

/** `Proxy` would become HTTP_PROXY (httpoxy). CONTENT_LENGTH and CONTENT_TYPE are variables of their own. */
export const DROPPED: ReadonlySet<string> = new Set(["proxy", "content-length", "content-type", "__proto__"]);

function words(list: string): string[] {
  return list.trim().split(/\s+/);
}
