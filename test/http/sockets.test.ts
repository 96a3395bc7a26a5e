import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { TLSSocket } from "node:tls";
import { request } from "../support/request.ts";
import { startServer } from "../support/server.ts";

const TLS = [
  ["HTTPS", "on"],
  ["SSL_PROTOCOL", "TLSv1.3"],
] as const;

/** Gives the socket of one request. */
async function socketOf(t: TestContext, params: readonly (readonly [string, string])[]): Promise<Socket> {
  const { open, server } = await startServer(t, {}, (_req, res) => void res.end());
  const link = await open();
  const [[req]] = await Promise.all([once(server, "request"), link.send(request(1, { params }))]);
  return (req as IncomingMessage).socket;
}

/** The names that an object and its prototypes have. */
function namesOf(object: object): string[] {
  const names = new Set<string>();
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  return [...names].filter((name) => !name.startsWith("_"));
}

/** What a TLS socket of this version has and a plain one has not; `ssl` is Node's own handle. */
function onlyOnTLS(): string[] {
  const plain = new Set(namesOf(new Socket()));
  return namesOf(new TLSSocket(new Socket())).filter((name) => !plain.has(name) && name !== "ssl");
}

function isAssignable(object: object, name: string): boolean {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name);
    if (descriptor) return descriptor.writable === true || descriptor.set !== undefined;
  }
  return true;
}

/** Assigns as a program in sloppy mode does; there is none among modules. */
const assignLoosely = new Function("object", "name", "value", "object[name] = value") as (
  object: object,
  name: string,
  value: unknown,
) => void;

describe("the socket of a request", () => {
  test("has the members of a TLS socket over HTTPS and none of them over plain HTTP", async (t) => {
    const names = onlyOnTLS();
    for (const name of ["encrypted", "authorized", "getPeerCertificate", "alpnProtocol", "servername"]) {
      assert.ok(names.includes(name), name);
    }
    const [plain, secure] = [await socketOf(t, []), await socketOf(t, TLS)];
    assert.deepEqual(
      names.filter((name) => name in plain),
      [],
    );
    assert.deepEqual(
      names.filter((name) => !(name in secure)),
      [],
    );
  });

  test("is over HTTPS like a TLS socket without certificate and keys", async (t) => {
    const socket = (await socketOf(t, [...TLS, ["SSL_TLS_SNI", "a.test"]])) as TLSSocket;
    assert.equal(socket.encrypted, true);
    assert.equal(socket.authorized, false);
    assert.equal(socket.authorizationError, null);
    assert.equal(socket.alpnProtocol, false);
    assert.equal(socket.servername, "a.test");
    assert.equal(socket.getProtocol(), "TLSv1.3");
    assert.deepEqual(socket.getPeerCertificate(), {});
    assert.equal(socket.getPeerX509Certificate(), undefined);
    assert.deepEqual(socket.getCertificate(), {});
    assert.equal(socket.isSessionReused(), false);
    assert.throws(() => socket.exportKeyingMaterial(32, "label", Buffer.alloc(0)), {
      code: "ERR_TLS_INVALID_STATE",
    });
    const error = await new Promise<Error | null>((resolve) => socket.renegotiate({}, resolve));
    assert.match(error!.message, /web server/);
  });

  for (const [kind, params, make] of [
    ["net.Socket", [], () => new Socket()],
    ["tls.TLSSocket", TLS, () => new TLSSocket(new Socket())],
  ] as const) {
    test(`lets be assigned what a ${kind} lets be assigned, in strict and in sloppy mode`, async (t) => {
      const socket = await socketOf(t, params);
      const others = ["encrypted", "authorized", "params", "data", "role", "response", "stderr", "user"];
      const model = make();
      for (const name of namesOf(model).filter((name) => isAssignable(model, name))) {
        for (const assign of [Reflect.set, assignLoosely]) {
          // Each time on an object of its own: the next name needs the members as they are.
          const heir = Object.create(socket);
          assign(heir, name, 1);
          assert.equal(heir[name], 1, name);
        }
      }
      const strict = socket as unknown as Record<string, unknown>;
      for (const name of others) {
        strict[name] = `strict ${name}`;
        assert.equal(strict[name], `strict ${name}`);
        assignLoosely(socket, name, `sloppy ${name}`);
        assert.equal(strict[name], `sloppy ${name}`);
      }
    });
  }
});
