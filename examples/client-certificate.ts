/**
 * Who the browser is, by its certificate. The web server verifies it and has to be told to send what it found:
 *
 *     nginx:  ssl_verify_client optional; ssl_client_certificate ca.pem;
 *             fastcgi_param SSL_CLIENT_VERIFY $ssl_client_verify;
 *             fastcgi_param SSL_CLIENT_CERT $ssl_client_escaped_cert;
 *     Apache: SSLVerifyClient optional; SSLCACertificateFile ca.pem; SSLOptions +StdEnvVars +ExportCertData
 */
import type { TLSSocket } from "node:tls";
import express from "express";
import { serveFastCGI } from "serve-fastcgi";

const app = express();
app.get("/", (req, res) => {
  // As under node:https; over plain HTTP these members are missing.
  const socket = req.socket as TLSSocket;
  if (!socket.authorized) {
    res.status(401).send(`No valid certificate: ${socket.authorizationError ?? "NONE"}\n`);
    return;
  }
  const { subject, fingerprint256 } = socket.getPeerCertificate();
  res.json({ name: subject?.CN, fingerprint256 });
});

serveFastCGI(app, process.env.PORT ?? 1234);
