import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FastCGIError,
  ProtocolError,
  ProtocolStatus,
  RequestRefusedError,
} from "../../src/protocol/index.ts";

test("errors have the name of their class and a code to match on", () => {
  const error = new ProtocolError("ERR_FCGI_LIMIT", "too much", { cause: 7 });
  assert.deepEqual(
    [error.name, error.code, error.message, error.cause],
    ["ProtocolError", "ERR_FCGI_LIMIT", "too much", 7],
  );
  assert.ok(error instanceof FastCGIError && error instanceof Error);
});

test("a refusal says with which protocol status", () => {
  const error = new RequestRefusedError(ProtocolStatus.OVERLOADED, "overloaded");
  assert.deepEqual(
    [error.name, error.code, error.protocolStatus],
    ["RequestRefusedError", "ERR_FCGI_REFUSED", 2],
  );
});
