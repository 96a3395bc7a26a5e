/** Every promise of the client settles and no connection stays, whatever happens when. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import { FastCGIClient, type FastCGIClientOptions, type RequestOptions } from "../../src/client/index.ts";
import { type ReceivedRequest, type Responder, startResponder } from "./responder.ts";

const GET = { REQUEST_METHOD: "GET", REQUEST_URI: "/" };
const OK = "Status: 200 OK\r\n\r\n";
const MULTIPLEX = { FCGI_MPXS_CONNS: "1", FCGI_MAX_REQS: "10" };

async function connect(
  t: TestContext,
  onRequest: (request: ReceivedRequest) => void,
  options: FastCGIClientOptions = {},
  values?: Record<string, string>,
) {
  const responder = await startResponder(t, onRequest, values);
  const client = new FastCGIClient(responder.port, options);
  t.after(() => client.destroy());
  return { responder, client };
}

/** Waits until all connections that the application has accepted are closed. */
async function allClosed({ sockets }: Responder): Promise<void> {
  for (const socket of sockets) if (!socket.closed) await once(socket, "close");
}

/** An application that never responds, and a promise for a number of requests that it received. */
function silent(count: number) {
  const requests: ReceivedRequest[] = [];
  let resolve: () => void;
  const all = new Promise<void>((settle) => {
    resolve = settle;
  });
  const onRequest = (request: ReceivedRequest): void => {
    requests.push(request);
    if (requests.length === count) resolve();
  };
  return { requests, all, onRequest };
}

test("sends nothing again after destroy(), settles each promise and closes each connection", async (t) => {
  for (const method of ["GET", "DELETE", "PUT"]) {
    const { onRequest, all, requests } = silent(2);
    const { client, responder } = await connect(
      t,
      (request) => {
        onRequest(request);
        if (requests.length === 1) request.end(OK);
      },
      { keepConn: true },
    );
    await text((await client.request(GET)).body);
    const response = client.request({ REQUEST_METHOD: method });
    await all;
    client.destroy();
    await assert.rejects(response, { code: "ERR_FCGI_CLOSED", message: "the FastCGI client was destroyed" });
    await client.close();
    await allClosed(responder);
    assert.equal(requests.length, 2);
  }
});

test("sends nothing again after close() when the application closes the connection", async (t) => {
  const { onRequest, all, requests } = silent(2);
  const { client, responder } = await connect(
    t,
    (request) => {
      onRequest(request);
      if (requests.length === 1) request.end(OK);
    },
    { keepConn: true },
  );
  await text((await client.request(GET)).body);
  const response = client.request(GET);
  await all;
  const closed = client.close();
  responder.sockets[0]!.destroy();
  await assert.rejects(response, { code: "ERR_FCGI_CLOSED" });
  await closed;
  assert.equal(requests.length, 2);
});

test("does not send a request again after a record of its response", async (t) => {
  const { onRequest, requests } = silent(2);
  const { client } = await connect(
    t,
    (request) => {
      onRequest(request);
      if (requests.length === 1) return request.end(OK);
      // The end of FCGI_STDERR: it says no more than that the request was read.
      request.socket.end(Buffer.from([1, 7, 0, request.requestId, 0, 0, 0, 0]));
    },
    { keepConn: true },
  );
  await text((await client.request(GET)).body);
  await assert.rejects(client.request(GET), { code: "ERR_FCGI_CLOSED" });
  assert.equal(requests.length, 2);
});

test("sends a request again if its method is idempotent, and no other", async (t) => {
  for (const [params, count] of [
    [{ REQUEST_METHOD: "PUT" }, 3],
    [{ REQUEST_METHOD: "PATCH" }, 2],
    [{ REQUEST_METHOD: "get" }, 2],
    [{}, 2],
    [[["REQUEST_METHOD", "GET"] as const, ["REQUEST_METHOD", "POST"] as const], 2],
    [[["REQUEST_METHOD", Buffer.from("POST")] as const], 2],
  ] as const) {
    const requests: ReceivedRequest[] = [];
    const { client } = await connect(
      t,
      (request) => {
        requests.push(request);
        if (requests.length === 2) request.socket.destroy();
        else request.end(OK);
      },
      { keepConn: true },
    );
    await text((await client.request(GET)).body);
    const response = client.request(params);
    if (count === 3) await text((await response).body);
    else await assert.rejects(response, { code: "ERR_FCGI_CLOSED" });
    assert.equal(requests.length, count);
  }
});

const gone = new Error("gone");

async function allReject(promises: Promise<unknown>[]): Promise<void> {
  await Promise.all(promises.map((promise) => assert.rejects(promise, gone)));
}

test("destroy() rejects running, queued and raw requests with its error", async (t) => {
  const { onRequest, all } = silent(3);
  const { client, responder } = await connect(
    t,
    (request) => {
      onRequest(request);
      if (request.param("N") !== "silent") request.write(`${OK}part`);
    },
    { maxConnections: 3 },
  );
  const body = new Readable({ read() {} });
  const silentResponse = client.request({ ...GET, N: "silent" }, { body });
  const [response, raw] = await Promise.all([client.request(GET), client.requestRaw(GET)]);
  await all;
  const waiting = [client.request(GET), client.requestRaw(GET)];
  const content = text(response.body);
  client.destroy(gone);
  await allReject([silentResponse, ...waiting, content, response.ended, raw.ended]);
  assert.equal(body.destroyed, true);
  assert.equal(await text(response.stderr), "");
  await client.close();
  await allClosed(responder);
});

test("destroy() rejects requests that wait for FCGI_GET_VALUES, and closes its connections", async (t) => {
  const { client, responder } = await connect(t, () => {}, { multiplex: true });
  const promises = [client.request(GET), client.requestRaw(GET), client.getValues()];
  client.destroy(gone);
  await allReject(promises);
  await client.close();
  await allClosed(responder);
  await assert.rejects(client.getValues(), { code: "ERR_FCGI_CLOSED" });
  await assert.rejects(client.request(GET), { code: "ERR_FCGI_CLOSED" });
});

test("destroy() rejects requests whose connection is not open yet", async (t) => {
  const { client, responder } = await connect(t, () => {});
  const response = client.request(GET);
  client.destroy(gone);
  await assert.rejects(response, gone);
  await client.close();
  await allClosed(responder);
});

test("close() waits for getValues()", async (t) => {
  const { client } = await connect(t, () => {}, {}, MULTIPLEX);
  const values = client.getValues();
  await client.close();
  assert.equal((await values).get("FCGI_MAX_REQS"), "10");
});

test("a signal closes the connection of its request, whenever it fires", async (t) => {
  const moments: Record<string, (controller: AbortController) => Promise<RequestOptions>> = {
    waiting: async (controller) => {
      setImmediate(() => controller.abort());
      return {};
    },
    connecting: async (controller) => {
      process.nextTick(() => controller.abort());
      return {};
    },
    "in mid-upload": async (controller) => {
      const body = new Readable({ read() {} });
      body.push("part");
      setImmediate(() => controller.abort());
      return { body };
    },
  };
  for (const options of [{}, { keepConn: true }, { multiplex: true }]) {
    for (const [moment, prepare] of Object.entries(moments)) {
      const { client, responder } = await connect(t, () => {}, { ...options, maxConnections: 1 }, MULTIPLEX);
      const controller = new AbortController();
      const first = moment === "waiting" ? client.request(GET) : undefined;
      first?.catch(() => {});
      const response = client.request(GET, { ...(await prepare(controller)), signal: controller.signal });
      await assert.rejects(response, { code: "ERR_FCGI_ABORTED" }, moment);
      if (first !== undefined) client.destroy();
      await client.close();
      await allClosed(responder);
    }
  }
});

test("wrong params and options take no place in the queue", async (t) => {
  const { client } = await connect(t, (request) => request.end(OK), { keepConn: true, maxConnections: 1 });
  const wrong: [unknown, object, string][] = [
    [{ A: 5 }, {}, "ERR_INVALID_ARG_TYPE"],
    [{ A: undefined }, {}, "ERR_INVALID_ARG_TYPE"],
    [undefined, {}, "ERR_INVALID_ARG_TYPE"],
    [Promise.resolve({}), {}, "ERR_INVALID_ARG_TYPE"],
    [GET, { role: 4 }, "ERR_INVALID_ARG_VALUE"],
    [GET, { data: "x" }, "ERR_INVALID_ARG_VALUE"],
    [GET, { body: 5 }, "ERR_INVALID_ARG_TYPE"],
    [GET, { body: null }, "ERR_INVALID_ARG_TYPE"],
    [GET, { signal: {} }, "ERR_INVALID_ARG_TYPE"],
    [GET, { timeout: 5 }, "ERR_INVALID_ARG_VALUE"],
    [GET, { headersTimeout: Number.POSITIVE_INFINITY }, "ERR_OUT_OF_RANGE"],
    [GET, { keepConn: "no" }, "ERR_INVALID_ARG_TYPE"],
  ];
  for (const [params, options, code] of wrong) {
    // What TypeScript would not let through.
    const response: Promise<unknown> = Reflect.apply(client.request, client, [params, options]);
    await assert.rejects(response, { code }, JSON.stringify([params, options]));
  }
  assert.equal(
    (await client.request(GET, { keepConn: undefined, headersTimeout: undefined })).statusCode,
    200,
  );
});

test("rejects requests beyond maxWaitingRequests with ERR_FCGI_LIMIT", async (t) => {
  const { client } = await connect(t, () => {}, { maxConnections: 1, maxWaitingRequests: 2 });
  const responses = Array.from({ length: 4 }, () => client.request(GET));
  await assert.rejects(responses[3]!, { code: "ERR_FCGI_LIMIT" });
  client.destroy(gone);
  await allReject(responses.slice(0, 3));
});

test("ignores numbers of the application that are none", async (t) => {
  for (const text of ["-1", "0", "", "0.5", "1e9", "x", "NaN", "99999999999999999999"]) {
    const values = { FCGI_MPXS_CONNS: "1", FCGI_MAX_CONNS: text, FCGI_MAX_REQS: text };
    const { client } = await connect(t, (request) => request.end(OK), { multiplex: true }, values);
    const responses = await Promise.all([client.request(GET), client.request(GET), client.request(GET)]);
    assert.deepEqual(
      responses.map(({ statusCode }) => statusCode),
      [200, 200, 200],
    );
  }
});

test("a body that fails while its request is queued rejects the request", async (t) => {
  const { client } = await connect(t, () => {}, { maxConnections: 1 });
  client.request(GET).catch(() => {});
  await assert.rejects(client.request(GET, { body: createReadStream("/does/not/exist") }), (error) => {
    assert(error instanceof Error);
    assert.match(error.message, /ENOENT/);
    return true;
  });
});

test("closes a connection with unconfirmed aborts when its last other request ends", async (t) => {
  let neighbour: ReceivedRequest | undefined;
  const { client, responder } = await connect(
    t,
    (request) => {
      request.write(OK);
      if (request.param("N") === "neighbour") neighbour = request;
    },
    { multiplex: true },
    MULTIPLEX,
  );
  const response = await client.request({ ...GET, N: "neighbour" });
  const aborted = await client.request(GET);
  aborted.body.destroy();
  await assert.rejects(aborted.ended, { code: "ERR_FCGI_ABORTED" });
  // By now the application has been given up: another request gets a connection of its own.
  while (responder.sockets.length < 3) {
    const next = await client.request(GET);
    next.body.destroy();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(neighbour!.socket.closed, false);
  neighbour!.end("whole");
  assert.equal(await text(response.body), "whole");
  await allClosed({ ...responder, sockets: [neighbour!.socket] });
});

test("late output of an aborted or ended request never reaches another", async (t) => {
  const { client } = await connect(
    t,
    (request) => {
      const token = request.param("N")!;
      if (token === "late") {
        request.write(`${OK}[late]`);
        // As Go's net/http/fcgi: the abort is confirmed before the handler is done.
        request.aborted.then(() => {
          request.end();
          setImmediate(() => request.end(`${OK}[late]`));
        });
      } else {
        setImmediate(() => {
          request.end(`${OK}[${token}]`);
          if (token === "talks") request.end(`${OK}[talks]`);
        });
      }
    },
    { keepConn: true, maxConnections: 2 },
  );
  const ask = async (n: number): Promise<void> => {
    const token = n % 4 === 0 ? "late" : n % 4 === 1 ? "talks" : String(n);
    const { body } = await client.request({ ...GET, N: token });
    if (token === "late") body.destroy();
    else assert.equal(await text(body), `[${token}]`);
  };
  for (let n = 0; n < 500; n++) await Promise.all([ask(n * 2), ask(n * 2 + 1)]);
});
