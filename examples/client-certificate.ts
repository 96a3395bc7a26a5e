/**
 * Identifies the client by its TLS certificate. The web server verifies it and has to send what it found:
 *
 *     nginx:  ssl_verify_client optional; ssl_client_certificate ca.pem;
 *             fastcgi_param SSL_CLIENT_VERIFY $ssl_client_verify;
 *             fastcgi_param SSL_CLIENT_CERT $ssl_client_escaped_cert;
 *     Apache: SSLVerifyClient optional; SSLCACertificateFile ca.pem; SSLOptions +StdEnvVars +ExportCertData
 *
 *     PORT=1234 npx tsx examples/client-certificate.ts
 */
import express from "express";
import { isFastCGISocket, serveFastCGI } from "serve-fastcgi";

const app = express();
app.get("/", (req, res) => {
  const { socket } = req;
  // These members are those of a tls.TLSSocket; over plain HTTP they are missing.
  const certificate =
    isFastCGISocket(socket) && socket.authorized ? socket.getPeerCertificate?.() : undefined;
  if (certificate === undefined) return void res.status(401).send("A valid certificate is required.\n");
  res.json({ name: certificate.subject?.CN, fingerprint256: certificate.fingerprint256 });
});

serveFastCGI(app, process.env.PORT ?? 1234);
