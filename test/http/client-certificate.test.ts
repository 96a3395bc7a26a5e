import assert from "node:assert/strict";
import test from "node:test";
import {
  authorizationError,
  clientCertificate,
  isAuthorized,
  peerCertificate,
} from "../../src/http/client-certificate.ts";

test("only SUCCESS is authorized, and the reason of nginx is returned", () => {
  for (const [verify, isVerified, error] of [
    ["SUCCESS", true, undefined],
    ["NONE", false, "NONE"],
    ["GENEROUS", false, "GENEROUS"],
    ["FAILED:certificate has expired", false, "certificate has expired"],
    ["", false, ""],
  ] as const) {
    assert.equal(isAuthorized({ SSL_CLIENT_VERIFY: verify }), isVerified);
    assert.equal(authorizationError({ SSL_CLIENT_VERIFY: verify }), error);
  }
  assert.equal(isAuthorized({ HTTP_SSL_CLIENT_VERIFY: "SUCCESS" }), false);
});

test("reads names where no certificate is sent, in both notations", () => {
  for (const name of ["CN=Ada\\, Countess,O=Example", "/CN=Ada, Countess/O=Example"]) {
    const { subject } = peerCertificate({ SSL_CLIENT_S_DN: name, SSL_CLIENT_M_SERIAL: "01" });
    assert.deepEqual({ ...subject }, { CN: "Ada, Countess", O: "Example" });
  }
  assert.deepEqual(peerCertificate({}), {});
});

test("what is no certificate is as good as none", () => {
  for (const value of [
    "",
    "text",
    "%E0%A4%A",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
  ]) {
    assert.equal(clientCertificate({ SSL_CLIENT_CERT: value }), undefined);
  }
});
