import assert from "node:assert/strict";
import test from "node:test";
import {
  buffersResponse,
  crashesOnEarlyEnd,
  crashesOnStderr,
  redirectsInternally,
  replacesProcessOnReset,
  sendsFieldsInRandomOrder,
} from "../../src/cgi/front-ends.ts";

test("mod_fcgid is distinguished from Apache's other modules", () => {
  const apache = { SERVER_SOFTWARE: "Apache/2.4.71", HTTP_CONNECTION: "close" };
  assert.equal(replacesProcessOnReset(apache), true);
  assert.equal(replacesProcessOnReset({ ...apache, SCRIPT_FILENAME: "proxy:fcgi://127.0.0.1:1234/" }), false);
  assert.equal(replacesProcessOnReset({ SERVER_SOFTWARE: "nginx/1.22.1", HTTP_CONNECTION: "close" }), false);
  assert.equal(replacesProcessOnReset({}), false);
});

test("each peculiarity is that of one web server", () => {
  const servers = [
    "",
    "nginx/1.22.1",
    "Caddy/v2.6.2",
    "Apache/2.4.62 (Debian)",
    "lighttpd/1.4.69",
    "h2o/2.2.5",
  ];
  const all = [...servers, "HAProxy 2.6.12", "HAProxy 3.0.0"];
  const of = (isIt: (server: string) => boolean): string[] => all.filter(isIt);
  assert.deepEqual(of(sendsFieldsInRandomOrder), ["Caddy/v2.6.2"]);
  assert.deepEqual(of(redirectsInternally), ["Apache/2.4.62 (Debian)"]);
  assert.deepEqual(of(crashesOnEarlyEnd), ["h2o/2.2.5"]);
  assert.deepEqual(of(crashesOnStderr), ["HAProxy 2.6.12"]);
  assert.deepEqual(
    of((SERVER_SOFTWARE) => buffersResponse({ SERVER_SOFTWARE })),
    ["nginx/1.22.1"],
  );
});
