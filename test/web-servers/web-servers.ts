/** Values of a main configuration. */
export interface MainOptions {
  readonly folder: string;
  readonly port: number;
  /** For servers that insist on a plain listener beside the one of the example. */
  readonly otherPort: number;
  /** The example, with its ports and paths replaced. */
  readonly file: string;
  readonly isRoot: boolean;
}

interface WebServerProgram {
  readonly command: string;
  args(paths: { folder: string; file: string; mainFile: string }): string[];
  /** The rest of a configuration, as a distribution has it, around the example. */
  main(options: MainOptions): string;
  environment?(folder: string): Record<string, string>;
}

const apacheModules = [
  "mpm_event authz_core mime dir alias env setenvif headers rewrite reqtimeout ssl socache_shmcb http2",
  "proxy proxy_fcgi proxy_balancer slotmem_shm lbmethod_byrequests fcgid",
]
  .join(" ")
  .split(" ");

/** Where nginx puts what it stores: below /var/lib it would need the rights. */
export function nginxTemporaryPaths(folder: string): string {
  const names = ["client_body", "fastcgi", "proxy", "scgi", "uwsgi"];
  return names.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
}

/** What Apache needs in any configuration to run from a folder of its own. */
export function apacheFrame(
  { folder, port, isRoot }: Pick<MainOptions, "folder" | "port" | "isRoot">,
  modules: readonly string[],
): string {
  return `
    ServerRoot "${folder}"
    PidFile "${folder}/apache.pid"
    DefaultRuntimeDir "${folder}"
    Mutex file:${folder} default
    ErrorLog "${folder}/error.log"
    ServerName localhost
    ${isRoot ? "User www-data\n    Group www-data" : ""}
    ${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n    ")}
    TypesConfig /etc/mime.types
    StartServers 1
    Listen 127.0.0.1:${port}
    FcgidIPCDir "${folder}/fcgid"
    FcgidProcessTableFile "${folder}/fcgid_shm"
  `;
}

export type WebServerName = "nginx" | "caddy" | "apache" | "lighttpd" | "haproxy" | "h2o";

export const webServers: Readonly<Record<WebServerName, WebServerProgram>> = {
  nginx: {
    command: "nginx",
    args: ({ folder, mainFile }) => ["-e", "stderr", "-p", folder, "-c", mainFile],
    main: ({ folder, file, isRoot }) => `
      ${isRoot ? "user root;" : ""}
      daemon off;
      worker_processes 1;
      pid ${folder}/nginx.pid;
      error_log stderr;
      events {}
      http {
        include /etc/nginx/mime.types;
        access_log off;
        ${nginxTemporaryPaths(folder)}
        include ${file};
      }
    `,
  },
  caddy: {
    command: "caddy",
    args: ({ mainFile }) => ["run", "--adapter", "caddyfile", "--config", mainFile],
    main: ({ file }) => `{
        admin off
        default_bind 127.0.0.1
        auto_https disable_redirects
        skip_install_trust
        log {
          output stderr
          level WARN
        }
      }
      import ${file}
    `,
    environment: (folder) => ({ HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }),
  },
  apache: {
    command: "apache2",
    args: ({ mainFile }) => ["-f", mainFile, "-DFOREGROUND"],
    main: ({ folder, port, file, isRoot }) => `
      ${apacheFrame({ folder, port, isRoot }, apacheModules)}
      RequestReadTimeout header=20-40,minrate=500 body=10,minrate=500
      # After a broken response Apache keeps the client waiting for so long; Debian has 5.
      KeepAliveTimeout 1
      <Directory "/">
        AllowOverride None
        Require all denied
      </Directory>
      <Directory "${folder}/www">
        Require all granted
      </Directory>
      Include "${file}"
    `,
  },
  lighttpd: {
    command: "lighttpd",
    args: ({ mainFile }) => ["-D", "-f", mainFile],
    main: ({ folder, port, otherPort, file }) => `
      server.modules = ( "mod_access" )
      server.document-root = "${folder}/www"
      server.bind = "127.0.0.1"
      server.port = ${file.endsWith("tls.conf") ? otherPort : port}
      server.pid-file = "${folder}/lighttpd.pid"
      server.errorlog = "${folder}/error.log"
      server.upload-dirs = ( "${folder}" )
      mimetype.assign = ( ".html" => "text/html" )
      index-file.names = ( "index.html" )
      include "${file}"
    `,
  },
  haproxy: {
    command: "haproxy",
    args: ({ file, mainFile }) => ["-db", "-f", mainFile, "-f", file],
    main: () => `
global
    maxconn 1000
    log stderr format raw local0 warning
defaults
    log global
    mode http
    timeout connect 5000
    timeout client 50000
    timeout server 50000
`,
  },
  h2o: {
    command: "h2o",
    args: ({ file }) => ["-m", "worker", "-c", file],
    // h2o has one file and no include: the example is the whole of it.
    main: () => "",
  },
};
