import type { WebServerName } from "./web-servers.ts";

/**
 * Every file of examples/<server>/ and what the tests replace in it, ports and paths only. Keys are the exact
 * text of the example; `{name}` stands for a place (harness.ts).
 */
export const examples: Readonly<Record<ExampleName, Readonly<Record<string, string>>>> = {
  "nginx/minimal.conf": { "listen 80;": "listen 127.0.0.1:{port};", "127.0.0.1:1234": "127.0.0.1:{app}" },
  "nginx/app.conf": { "listen 80;": "listen 127.0.0.1:{port};", "127.0.0.1:1234": "127.0.0.1:{app}" },
  "nginx/unix-socket.conf": { "listen 80;": "listen 127.0.0.1:{port};", "/run/app.sock": "{socket}" },
  "nginx/streaming.conf": { "listen 80;": "listen 127.0.0.1:{port};", "127.0.0.1:1234": "127.0.0.1:{app}" },
  "nginx/tls.conf": {
    "listen 443 ssl http2;": "listen 127.0.0.1:{port} ssl http2;",
    "127.0.0.1:1234": "127.0.0.1:{app}",
    "/etc/ssl/certs/app.pem": "{cert}",
    "/etc/ssl/private/app.key": "{key}",
  },
  "nginx/prefix.conf": {
    "listen 80;": "listen 127.0.0.1:{port};",
    "127.0.0.1:1234": "127.0.0.1:{app}",
    "/var/www/html": "{folder}/www",
  },
  "nginx/several-backends.conf": {
    "listen 80;": "listen 127.0.0.1:{port};",
    "127.0.0.1:1234": "127.0.0.1:{app}",
    "127.0.0.1:1235": "127.0.0.1:{app2}",
    "127.0.0.1:1236": "127.0.0.1:{app3}",
  },

  "caddy/Caddyfile": { ":80": ":{port}", "localhost:1234": "localhost:{app}" },
  "caddy/unix-socket.Caddyfile": { ":80": ":{port}", "/run/app.sock": "{socket}" },
  "caddy/app.Caddyfile": { "example.com": "https://localhost:{port}", "localhost:1234": "localhost:{app}" },
  "caddy/tls.Caddyfile": {
    "example.com": ":{port}",
    "localhost:1234": "localhost:{app}",
    "/etc/ssl/certs/app.pem": "{cert}",
    "/etc/ssl/private/app.key": "{key}",
  },
  "caddy/prefix.Caddyfile": {
    ":80": ":{port}",
    "localhost:1234": "localhost:{app}",
    "/var/www/html": "{folder}/www",
  },
  "caddy/several-backends.Caddyfile": {
    ":80": ":{port}",
    "localhost:1234": "localhost:{app}",
    "localhost:1235": "localhost:{app2}",
  },

  "apache/minimal.conf": { "*:80": "*:{port}", "127.0.0.1:1234": "127.0.0.1:{app}" },
  "apache/app.conf": { "*:80": "*:{port}", "127.0.0.1:1234": "127.0.0.1:{app}" },
  "apache/unix-socket.conf": { "*:80": "*:{port}", "/run/app.sock": "{socket}" },
  "apache/tls.conf": {
    "*:443": "*:{port}",
    "127.0.0.1:1234": "127.0.0.1:{app}",
    "/etc/ssl/certs/app.pem": "{cert}",
    "/etc/ssl/private/app.key": "{key}",
  },
  "apache/prefix.conf": {
    "*:80": "*:{port}",
    "127.0.0.1:1234": "127.0.0.1:{app}",
    "/var/www/html": "{folder}/www",
  },
  "apache/several-backends.conf": {
    "*:80": "*:{port}",
    "127.0.0.1:1234": "127.0.0.1:{app}",
    "127.0.0.1:1235": "127.0.0.1:{app2}",
    "127.0.0.1:1236": "127.0.0.1:{app3}",
  },
  "apache/mod_fcgid.conf": {
    "*:80": "*:{port}",
    "/srv/app/app.js": "{script}",
    "/srv/app": "{scriptFolder}",
  },

  "lighttpd/app.conf": { '"port" => 1234': '"port" => {app}' },
  "lighttpd/unix-socket.conf": { "/run/app.sock": "{socket}" },
  "lighttpd/streaming.conf": { '"port" => 1234': '"port" => {app}' },
  "lighttpd/bin-path.conf": { "/srv/app/app.js": "{script}", "/run/lighttpd/app.sock": "{folder}/app.sock" },
  "lighttpd/tls.conf": {
    '":443"': '"127.0.0.1:{port}"',
    '"port" => 1234': '"port" => {app}',
    "/etc/ssl/certs/app.pem": "{cert}",
    "/etc/ssl/private/app.key": "{key}",
  },
  "lighttpd/prefix.conf": { '"port" => 1234': '"port" => {app}' },
  "lighttpd/several-backends.conf": {
    '"port" => 1234': '"port" => {app}',
    '"port" => 1235': '"port" => {app2}',
  },

  "haproxy/minimal.cfg": { "bind :80": "bind 127.0.0.1:{port}", "127.0.0.1:1234": "127.0.0.1:{app}" },
  "haproxy/app.cfg": { "bind :80": "bind 127.0.0.1:{port}", "127.0.0.1:1234": "127.0.0.1:{app}" },
  "haproxy/unix-socket.cfg": { "bind :80": "bind 127.0.0.1:{port}", "/run/app.sock": "{socket}" },
  "haproxy/multiplexed.cfg": { "bind :80": "bind 127.0.0.1:{port}", "127.0.0.1:1234": "127.0.0.1:{app}" },
  "haproxy/tls.cfg": {
    "bind :443": "bind 127.0.0.1:{port}",
    "127.0.0.1:1234": "127.0.0.1:{app}",
    "/etc/ssl/private/app-and-key.pem": "{both}",
  },
  "haproxy/prefix.cfg": { "bind :80": "bind 127.0.0.1:{port}", "127.0.0.1:1234": "127.0.0.1:{app}" },
  "haproxy/several-backends.cfg": {
    "bind :80": "bind 127.0.0.1:{port}",
    "127.0.0.1:1234": "127.0.0.1:{app}",
    "127.0.0.1:1235": "127.0.0.1:{app2}",
    "127.0.0.1:1236": "127.0.0.1:{app3}",
  },

  "h2o/minimal.conf": { "port: 80": "port: {port}\n      host: 127.0.0.1", "port: 1234": "port: {app}" },
  "h2o/app.conf": { "port: 80": "port: {port}\n      host: 127.0.0.1", "port: 1234": "port: {app}" },
  "h2o/keepalive.conf": { "port: 80": "port: {port}\n      host: 127.0.0.1", "port: 1234": "port: {app}" },
  "h2o/unix-socket.conf": { "port: 80": "port: {port}\n      host: 127.0.0.1", "/run/app.sock": "{socket}" },
  "h2o/tls.conf": {
    "port: 443": "port: {port}\n      host: 127.0.0.1",
    "port: 1234": "port: {app}",
    "/etc/ssl/certs/app.pem": "{cert}",
    "/etc/ssl/private/app.key": "{key}",
  },
  "h2o/prefix.conf": {
    "port: 80": "port: {port}\n      host: 127.0.0.1",
    "port: 1234": "port: {app}",
    "/var/www/html": "{folder}/www",
  },
  "h2o/spawn.conf": { "port: 80": "port: {port}\n      host: 127.0.0.1", "/srv/app/app.js": "{script}" },
};

/** An example that the tests start, by its path below examples/. */
export type ExampleName = `${WebServerName}/${string}`;
