import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type OutputOwner, type OutputRequest, OutputScheduler } from "../../src/fastcgi/output-scheduler.ts";
import { StdoutQueue } from "../../src/fastcgi/stdout-queue.ts";
import { encodeEndRequest } from "../../src/protocol/record.ts";
import { END_REQUEST, STDERR, STDOUT } from "../support/wire.ts";
import { MemorySocket } from "./memory-socket.ts";

const MAX_LENGTH = 200_000;

/** A queue that notes what the scheduler tells it. */
class TestRequest extends StdoutQueue implements OutputRequest {
  isWaiting = false;
  isQueued = false;
  readonly calls: string[] = [];

  onFlushed(): void {
    this.calls.push("flushed");
  }
  onDrain(): void {
    this.calls.push("drain");
  }
}

class TestOwner implements OutputOwner<TestRequest> {
  isShared = false;
  readonly calls: string[] = [];

  onComplete(request: TestRequest): void {
    this.calls.push(`complete ${request.requestId}`);
  }
  onOverfull(): void {
    this.calls.push("overfull");
  }
  onDrain(): void {
    this.calls.push("drain");
  }
}

interface Fixture {
  readonly socket: MemorySocket;
  readonly owner: TestOwner;
  readonly output: OutputScheduler<TestRequest>;
}

function createOutput({ isPlainSocket = false } = {}): Fixture {
  const socket = new MemorySocket();
  const owner = new TestOwner();
  return { socket, owner, output: new OutputScheduler(socket, owner, MAX_LENGTH, isPlainSocket) };
}

function createRequest(requestId = 1, content: string | Uint8Array = "", isComplete = false): TestRequest {
  const request = new TestRequest(requestId, 1, true, 0);
  request.write(content, "latin1");
  if (isComplete) request.complete();
  return request;
}

/** Blocks the socket with so much output that it emits `drain` when it is unblocked. */
function fill({ socket, output }: Fixture): void {
  socket.block();
  output.flush(createRequest(9, Buffer.alloc(66_000)));
}

/** The ids of STDOUT records with content, in the order in which they were sent. */
function order(socket: MemorySocket): number[] {
  return socket.records
    .filter(({ type, content }) => type === STDOUT && content.length > 0)
    .map(({ id }) => id);
}

describe("flushing a request", () => {
  test("sends what is queued at once, and tells the request and the owner", () => {
    const { socket, owner, output } = createOutput();
    const request = createRequest(1, "abc", true);
    output.flush(request);
    assert.deepEqual(socket.summary, [`${STDOUT}:1:3`, `${STDOUT}:1:0`, `${END_REQUEST}:1:8`]);
    assert.deepEqual(request.calls, ["flushed"]);
    assert.deepEqual(owner.calls, ["complete 1"]);
  });

  test("does not complete an open response", () => {
    const { owner, output } = createOutput();
    output.flush(createRequest(1, "abc"));
    assert.deepEqual(owner.calls, []);
  });

  test("sends the end alone if nothing is queued", () => {
    const { socket, output } = createOutput();
    output.flush(createRequest(1, "", true));
    assert.deepEqual(socket.summary, [`${STDOUT}:1:0`, `${END_REQUEST}:1:8`]);
  });

  test("does nothing on a socket that has ended", () => {
    const { socket, output } = createOutput();
    socket.writable = false;
    const request = createRequest(1, "abc", true);
    output.flush(request);
    assert.deepEqual([socket.writes.length, request.calls, request.queuedLength], [0, [], 3]);
  });

  test("copies the shared slab for any socket but a plain one", () => {
    const other = createOutput();
    other.output.flush(createRequest(1, "abc"));
    other.output.flush(createRequest(1, "xyz"));
    assert.equal(Buffer.from(other.socket.writes[0]!).toString("latin1", 8), "abc");

    const plain = createOutput({ isPlainSocket: true });
    plain.output.flush(createRequest(1, "abc"));
    plain.output.flush(createRequest(1, "xyz"));
    assert.equal(plain.socket.writes[0]!.buffer, plain.socket.writes[1]!.buffer, "the slab is reused");
  });

  test("leaves the slab to a plain socket that has queued it", () => {
    const { socket, output } = createOutput({ isPlainSocket: true });
    socket.block();
    output.flush(createRequest(1, "abc"));
    output.flush(createRequest(1, "xyz"));
    socket.unblock();
    output.flush(createRequest(1, "123"));
    assert.equal(Buffer.concat(socket.records.map(({ content }) => content)).toString(), "abcxyz123");
  });
});

describe("a full socket", () => {
  test("makes requests wait for drain", () => {
    const fixture = createOutput();
    const { socket, output } = fixture;
    fill(fixture);
    const request = createRequest(1, "abc", true);
    output.flush(request);
    assert.deepEqual([request.isWaiting, request.isQueued, request.calls], [true, true, []]);
    socket.unblock();
    assert.deepEqual([request.isWaiting, request.isQueued, request.calls], [false, false, ["flushed"]]);
    assert.deepEqual(socket.summary.slice(-2), [`${STDOUT}:1:0`, `${END_REQUEST}:1:8`]);
  });

  test("notifies a request that asked, once, when it accepts output again", () => {
    const fixture = createOutput();
    const { socket, output } = fixture;
    const request = createRequest();
    assert.equal(output.awaitDrain(request), false, "nothing waits");
    fill(fixture);
    assert.equal(output.awaitDrain(request), true);
    assert.equal(output.awaitDrain(request), true);
    socket.unblock();
    assert.deepEqual(request.calls, ["drain"]);
  });

  test("drops requests that have ended from the queue", () => {
    const fixture = createOutput();
    fill(fixture);
    const request = createRequest(1, "abc");
    fixture.output.flush(request);
    request.isEnded = true;
    fixture.socket.unblock();
    assert.deepEqual([request.calls, order(fixture.socket).includes(1)], [[], false]);
  });

  test("tells the owner of each drain", () => {
    const fixture = createOutput();
    fill(fixture);
    fixture.output.flush(createRequest(1, "abc"));
    fixture.socket.unblock();
    assert.deepEqual(fixture.owner.calls, ["drain"]);
  });

  test("is not waited for if it takes all: the rest follows in the next tick", async () => {
    const { socket, output } = createOutput();
    const request = createRequest(1, Buffer.alloc(MAX_LENGTH * 2 + 1), true);
    output.flush(request);
    assert.equal(request.isWaiting, true);
    await new Promise((resolve) => setImmediate(resolve));
    const sent = socket.records.filter(({ type }) => type === STDOUT);
    assert.equal(Buffer.concat(sent.map(({ content }) => content)).length, MAX_LENGTH * 2 + 1);
    assert.equal(socket.records.at(-1)?.type, END_REQUEST);
  });
});

describe("several requests", () => {
  test("send 65,528 bytes each in turn", () => {
    const fixture = createOutput();
    const { socket, owner, output } = fixture;
    owner.isShared = true;
    fill(fixture);
    const requests = [1, 2, 3].map((id) => createRequest(id, Buffer.alloc(130_000), true));
    for (const request of requests) output.flush(request);
    const before = order(socket).length;
    for (let round = 0; round < 8; round++) socket.unblock(true);
    const sent = socket.records.slice(before).filter(({ id, content }) => id < 9 && content.length > 8);
    assert.deepEqual(
      sent.map(({ id }) => id),
      [1, 2, 3, 1, 2, 3],
    );
    assert.deepEqual(
      sent.map(({ content }) => content.length),
      [65528, 65528, 65528, 130_000 - 65528, 130_000 - 65528, 130_000 - 65528],
    );
    assert.deepEqual(
      owner.calls.filter((call) => call.startsWith("complete")),
      ["complete 1", "complete 2", "complete 3"],
    );
  });

  test("let one alone send up to the limit at a time", () => {
    const fixture = createOutput();
    fill(fixture);
    fixture.output.flush(createRequest(1, Buffer.alloc(MAX_LENGTH + 1000)));
    fixture.socket.unblock(true);
    fixture.socket.unblock(true);
    const lengths = fixture.socket.records.filter(({ id }) => id === 1).map(({ content }) => content.length);
    assert.equal(
      lengths.reduce((sum, length) => sum + length, 0),
      MAX_LENGTH,
    );
  });

  test("that only wait for room are notified in the same order", () => {
    const fixture = createOutput();
    fill(fixture);
    const log: number[] = [];
    for (const id of [3, 1, 2]) {
      const request = createRequest(id);
      request.onDrain = () => log.push(id);
      fixture.output.awaitDrain(request);
    }
    fixture.socket.unblock();
    assert.deepEqual(log, [3, 1, 2]);
  });
});

describe("control records", () => {
  const reply = encodeEndRequest(7, 0, 0);

  test("are sent at once", () => {
    const { socket, output } = createOutput();
    output.write(reply);
    assert.deepEqual(socket.summary, [`${END_REQUEST}:7:8`]);
  });

  test("wait while the socket is full, joined, and are sent before other output", () => {
    const fixture = createOutput();
    const { socket, output } = fixture;
    fill(fixture);
    output.flush(createRequest(1, "abc"));
    const { length } = socket.writes;
    output.write(reply);
    output.write(reply);
    assert.equal(socket.writes.length, length, "nothing is written yet");
    socket.unblock();
    assert.deepEqual(socket.summary.slice(-3), [`${END_REQUEST}:7:8`, `${END_REQUEST}:7:8`, `${STDOUT}:1:3`]);
    assert.equal(socket.writes[length]?.length, reply.length * 2);
  });

  test("are sent before the socket ends", () => {
    const fixture = createOutput();
    const { socket, output } = fixture;
    fill(fixture);
    output.write(reply);
    output.sendReplies();
    socket.unblock();
    assert.deepEqual(socket.summary.slice(-1), [`${END_REQUEST}:7:8`]);
  });

  test("are dropped on a socket that has ended", () => {
    const { socket, output } = createOutput();
    socket.writable = false;
    output.write(reply);
    assert.equal(socket.writes.length, 0);
  });
});

describe("output that the web server does not read", () => {
  test("is overfull beyond the limit, queues of requests included", () => {
    const fixture = createOutput();
    const { socket, output } = fixture;
    assert.equal(output.isOverfull, false);
    fill(fixture);
    assert.equal(output.isOverfull, false);
    output.flush(createRequest(1, Buffer.alloc(MAX_LENGTH)));
    assert.equal(output.isOverfull, true);
    socket.unblock();
    assert.equal(output.isOverfull, false);
  });

  test("stops the owner at the control record that exceeds the limit", () => {
    const fixture = createOutput();
    fill(fixture);
    const reply = Buffer.alloc(10_000);
    let count = 0;
    while (!fixture.owner.calls.includes("overfull")) {
      fixture.output.write(reply);
      count++;
    }
    assert.equal(count, Math.floor((MAX_LENGTH - fixture.socket.writableLength) / reply.length) + 1);
  });
});

describe("whenSent()", () => {
  test("calls back when all has left, also for a socket that ends or is gone", async () => {
    const { socket, output } = createOutput();
    await new Promise<void>((resolve) => output.whenSent(resolve));
    socket.block();
    output.flush(createRequest(1, "abc"));
    let isSent = false;
    output.whenSent(() => {
      isSent = true;
    });
    assert.equal(isSent, false);
    socket.unblock();
    assert.equal(isSent, true);

    socket.writableEnded = true;
    for (const event of ["finish", "close"]) {
      let count = 0;
      output.whenSent(() => count++);
      socket.emit(event);
      socket.emit(event);
      assert.equal(count, 1);
      assert.equal(socket.listenerCount("finish") + socket.listenerCount("close"), 0);
    }
    socket.destroyed = true;
    await new Promise<void>((resolve) => output.whenSent(resolve));
  });
});

describe("STDERR", () => {
  test("is sent at once, and calls back at once if the socket has sent it", () => {
    const { socket, output } = createOutput();
    let count = 0;
    output.writeStderr(1, Buffer.from("oops"), () => count++);
    assert.deepEqual(socket.summary, [`${STDERR}:1:4`]);
    assert.equal(count, 1);
  });

  test("calls back in a tick of its own if it had to wait", async () => {
    const { socket, output } = createOutput();
    socket.block();
    const called = new Promise<boolean>((resolve) => {
      let isDone = false;
      output.writeStderr(1, Buffer.from("oops"), () => resolve(isDone));
      socket.unblock();
      isDone = true;
    });
    assert.equal(await called, true);
  });
});
