import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import test from "node:test";
import { createServer } from "../../src/index.ts";
import { startConfigured } from "./configured.ts";
import { skipReason } from "./target.ts";

/** Makes a certificate authority, and a certificate each for the server and for Ada. */
function makeCertificates(folder: string): void {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    "req",
    "-x509",
    "-days",
    "2",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-subj",
    "/CN=Example CA",
  );
  for (const [name, subject] of [
    ["server", "/CN=localhost"],
    ["ada", "/O=Example/CN=Ada"],
  ] as const) {
    openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject);
    const ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl("x509", "-req", "-days", "2", "-in", `${name}.csr`, ...ca, "-out", `${name}.pem`);
  }
  openssl("req", "-x509", "-days", "2", ...key, "-keyout", "eve.key", "-out", "eve.pem", "-subj", "/CN=Eve");
}

for (const variable of ["$ssl_client_escaped_cert", "$ssl_client_cert"]) {
  test(`the socket tells of the certificate that nginx verified (${variable})`, {
    skip: skipReason("nginx"),
  }, async (t) => {
    const app = createServer((req, res) => {
      const { socket } = req;
      res.end(
        JSON.stringify({
          authorized: socket.authorized,
          error: socket.authorizationError,
          encrypted: socket.encrypted,
          subject: socket.getPeerCertificate?.().subject,
          fingerprint: socket.getPeerX509Certificate?.()?.fingerprint256,
          protocol: socket.getProtocol?.(),
          cipher: socket.getCipher?.().name,
        }),
      );
    });
    app.listen(0);
    await once(app, "listening");
    t.after(() => app.close());
    const { folder, port } = await startConfigured(t, "nginx", (place) => {
      makeCertificates(place.folder);
      return `server {
        listen 127.0.0.1:${place.port} ssl;
        ssl_certificate ${place.folder}/server.pem;
        ssl_certificate_key ${place.folder}/server.key;
        ssl_client_certificate ${place.folder}/ca.pem;
        ssl_verify_client optional_no_ca;
        location / {
          include /etc/nginx/fastcgi_params;
          fastcgi_param SSL_CLIENT_VERIFY $ssl_client_verify;
          fastcgi_param SSL_CLIENT_CERT ${variable};
          fastcgi_param SSL_PROTOCOL $ssl_protocol;
          fastcgi_param SSL_CIPHER $ssl_cipher;
          fastcgi_pass 127.0.0.1:${(app.address() as AddressInfo).port};
        }
      }`;
    });
    const file = (name: string) => fs.readFileSync(`${folder}/${name}`);
    const get = async (name?: string) => {
      const identity = name === undefined ? {} : { cert: file(`${name}.pem`), key: file(`${name}.key`) };
      const outgoing = request({
        port,
        host: "127.0.0.1",
        rejectUnauthorized: false,
        agent: false,
        ...identity,
      });
      outgoing.setHeader("SSL_CLIENT_VERIFY", "SUCCESS");
      outgoing.setHeader("SSL-Client-Verify", "SUCCESS");
      outgoing.end();
      const [response] = await once(outgoing, "response");
      return JSON.parse(await text(response));
    };
    const ada = await get("ada");
    assert.equal(ada.authorized, true);
    assert.equal(ada.encrypted, true);
    assert.deepEqual(ada.subject, { O: "Example", CN: "Ada" });
    assert.equal(ada.fingerprint, new X509Certificate(file("ada.pem")).fingerprint256);
    assert.match(ada.protocol, /^TLSv1\.[23]$/);
    assert.match(ada.cipher, /^TLS_|^ECDHE/);
    const eve = await get("eve");
    assert.equal(eve.authorized, false);
    assert.match(eve.error, /self.signed/);
    assert.equal(eve.subject.CN, "Eve");
    const nobody = await get();
    assert.equal(nobody.authorized, false);
    assert.equal(nobody.error, "NONE");
    assert.equal(nobody.subject, undefined);
  });
}
