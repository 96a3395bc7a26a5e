import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzClient } from "./client-fuzzer.ts";
import { fuzzGateway } from "./gateway-fuzzer.ts";

test("the client settles everything with a hostile application, and mistakes no response for another", async () => {
  const { inputs, findings } = await fuzzClient(1, 0, 2000, 60);
  assert.deepEqual(findings, []);
  assert.equal(inputs, 2000);
});

test("the gateway responds as node:http does, and keeps nothing", async () => {
  const { inputs, findings } = await fuzzGateway(1, 0, 2000, 60);
  assert.deepEqual(findings, []);
  assert.equal(inputs, 2000);
});
