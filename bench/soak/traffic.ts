import { connect, type Socket } from "node:net";
import {
  encodeAbortRequest,
  encodeBeginRequest,
  encodeNameValuePairs,
  encodeRecord,
  encodeStream,
  encodeStreamEnd,
  KEEP_CONN,
  RecordParser,
  RecordType,
  Role,
} from "../../src/protocol/index.ts";

/** How one round trip went: `undefined` as expected, else what was wrong. */
export type Outcome = string | undefined;

const BODY = Buffer.alloc(100_000, "b");

function head(url: string, method = "GET", length = ""): Buffer {
  return encodeNameValuePairs([
    ["REQUEST_METHOD", method],
    ["REQUEST_URI", url],
    ["SERVER_PROTOCOL", "HTTP/1.1"],
    ["CONTENT_LENGTH", length],
    ["REMOTE_ADDR", "192.0.2.1"],
    ["REMOTE_PORT", "40000"],
    ["HTTP_HOST", "soak.example"],
    ["HTTP_ACCEPT", "*/*"],
    ["HTTP_COOKIE", "a=1; b=2"],
  ]);
}

/** FCGI_BEGIN_REQUEST and whole params. */
function begin(id: number, flags: number, url: string, method?: string, length?: string): Uint8Array[] {
  return [
    encodeBeginRequest(id, Role.RESPONDER, flags),
    ...encodeStream(RecordType.PARAMS, id, head(url, method, length)),
    encodeStreamEnd(RecordType.PARAMS, id),
  ];
}

function get(id: number, flags: number, url: string): Buffer {
  return Buffer.concat([...begin(id, flags, url), encodeStreamEnd(RecordType.STDIN, id)]);
}

function post(id: number, flags: number, url: string): Buffer {
  return Buffer.concat([
    ...begin(id, flags, url, "POST", String(BODY.length)),
    ...encodeStream(RecordType.STDIN, id, BODY),
    encodeStreamEnd(RecordType.STDIN, id),
  ]);
}

/** One connection after the other, with one round trip on it at a time. */
export class Lane {
  readonly #port: number;
  #socket: Socket | undefined;
  #parser: RecordParser = new RecordParser();
  #onChange: () => void = () => {};
  /** Content of STDOUT per request id, and the ids that have ended. */
  #stdout: Map<number, string> = new Map();
  #ended: Set<number> = new Set();
  #isClosed = false;

  constructor(port: number) {
    this.#port = port;
  }

  /** Runs one round trip of the kind; the requests that it makes are the number given. */
  async run(kind: Kind): Promise<Outcome> {
    this.#stdout.clear();
    this.#ended.clear();
    return kind.run(this);
  }

  send(bytes: Uint8Array): void {
    this.#open().write(bytes);
  }

  #open(): Socket {
    if (this.#socket !== undefined && !this.#isClosed) return this.#socket;
    this.#isClosed = false;
    this.#parser = new RecordParser();
    const socket = connect(this.#port, "127.0.0.1");
    socket.setNoDelay(true);
    this.#socket = socket;
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#socket !== socket) return;
      this.#isClosed = true;
      this.#onChange();
    });
    return socket;
  }

  #take(chunk: Buffer): void {
    try {
      for (const { type, requestId, content } of this.#parser.push(chunk)) {
        if (type === RecordType.END_REQUEST) this.#ended.add(requestId);
        if (type === RecordType.STDOUT) {
          const text = this.#stdout.get(requestId) ?? "";
          // The length counts, the content is always the same.
          this.#stdout.set(requestId, text + content.toString("latin1"));
        }
      }
    } catch {
      // The record that says "this response is broken", where no reset can.
      this.#socket?.destroy();
    }
    this.#onChange();
  }

  #until(test: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (result: boolean): void => {
        clearTimeout(timer);
        this.#onChange = () => {};
        resolve(result);
      };
      const timer = setTimeout(() => settle(false), 30_000);
      this.#onChange = () => {
        if (test()) settle(true);
      };
      this.#onChange();
    });
  }

  /** Waits for the end of a request and says whether its response is as expected. */
  async response(id: number, expected: string): Promise<Outcome> {
    await this.#until(() => this.#ended.has(id) || this.#isClosed);
    const text = this.#stdout.get(id) ?? "";
    if (!this.#ended.has(id)) return `no end of the response, ${expected} was expected`;
    return text.startsWith(`Status: ${expected}`) ? undefined : `${text.slice(0, 40)} is not ${expected}`;
  }

  async bytes(id: number, length: number): Promise<void> {
    await this.#until(() => (this.#stdout.get(id) ?? "").length >= length || this.#isClosed);
  }

  async closed(): Promise<Outcome> {
    return (await this.#until(() => this.#isClosed)) ? undefined : "the connection is still open";
  }

  /** Reads nothing for as long as it takes the server to notice, then all. */
  async readLate(id: number): Promise<Outcome> {
    const socket = this.#open();
    socket.pause();
    setTimeout(() => socket.resume(), 30);
    return this.response(id, "200 OK");
  }

  leave(how: "fin" | "reset" | "destroy"): void {
    const socket = this.#socket;
    if (how === "fin") socket?.end();
    else if (how === "reset") socket?.resetAndDestroy();
    else socket?.destroy();
    if (how !== "fin") this.#socket = undefined;
  }
}

/** One kind of round trip. */
export interface Kind {
  readonly name: string;
  /** How often it comes, in a thousand. */
  readonly share: number;
  readonly requests: number;
  readonly run: (lane: Lane) => Promise<Outcome>;
}

const single = (name: string, share: number, run: (lane: Lane) => Promise<Outcome>): Kind => ({
  name,
  share,
  requests: 1,
  run,
});

const garbage: readonly Uint8Array[] = [
  Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
  Buffer.from([22, 3, 1, 2, 0, 1, 0, 1]),
  encodeRecord(RecordType.BEGIN_REQUEST, 1, Buffer.alloc(7)),
  encodeRecord(RecordType.BEGIN_REQUEST, 0, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])),
  Buffer.concat([encodeBeginRequest(1, Role.RESPONDER, 0), encodeBeginRequest(1, Role.RESPONDER, 0)]),
];
let garbageIndex = 0;

/** The mixture: small, large, slow, aborted, erroneous. */
export const kinds: readonly Kind[] = [
  single("small, kept", 560, (lane) => {
    lane.send(get(1, KEEP_CONN, "/"));
    return lane.response(1, "200 OK");
  }),
  single("small, one per connection", 200, async (lane) => {
    lane.send(get(1, 0, "/"));
    return (await lane.response(1, "200 OK")) ?? lane.closed();
  }),
  single("large response", 30, (lane) => {
    lane.send(get(1, KEEP_CONN, "/large"));
    return lane.response(1, "200 OK");
  }),
  single("large response, read late", 5, (lane) => {
    lane.send(get(1, KEEP_CONN, "/large"));
    return lane.readLate(1);
  }),
  single("upload", 40, (lane) => {
    lane.send(post(1, KEEP_CONN, "/upload"));
    return lane.response(1, "200 OK");
  }),
  single("upload that nobody reads", 20, (lane) => {
    lane.send(post(1, KEEP_CONN, "/"));
    return lane.response(1, "200 OK");
  }),
  single("slow response", 20, (lane) => {
    lane.send(get(1, KEEP_CONN, "/slow"));
    return lane.response(1, "200 OK");
  }),
  {
    name: "eight at once",
    share: 10,
    requests: 8,
    run: async (lane) => {
      for (let id = 1; id <= 8; id++) lane.send(get(id, KEEP_CONN, id % 2 === 0 ? "/" : "/slow"));
      for (let id = 1; id <= 8; id++) {
        const outcome = await lane.response(id, "200 OK");
        if (outcome !== undefined) return outcome;
      }
      return undefined;
    },
  },
  single("aborted by a record", 25, async (lane) => {
    lane.send(get(1, KEEP_CONN, "/hang"));
    await lane.bytes(1, 5);
    lane.send(encodeAbortRequest(1));
    return lane.response(1, "200 OK");
  }),
  single("reset in mid-response", 25, async (lane) => {
    lane.send(get(1, KEEP_CONN, "/hang"));
    await lane.bytes(1, 5);
    lane.leave("reset");
    return undefined;
  }),
  single("left in mid-upload", 20, async (lane) => {
    const bytes = post(1, KEEP_CONN, "/upload");
    lane.send(bytes.subarray(0, bytes.length >> 1));
    lane.leave("fin");
    return lane.closed();
  }),
  single("left in mid-params", 10, async (lane) => {
    lane.send(get(1, KEEP_CONN, "/").subarray(0, 40));
    lane.leave("fin");
    return lane.closed();
  }),
  single("application throws", 15, (lane) => {
    lane.send(get(1, KEEP_CONN, "/throw"));
    return lane.response(1, "500 Internal Server Error");
  }),
  single("application throws in mid-response", 10, (lane) => {
    lane.send(get(1, KEEP_CONN, "/break"));
    return lane.closed();
  }),
  single("no FastCGI", 10, async (lane) => {
    lane.leave("destroy");
    lane.send(garbage[garbageIndex++ % garbage.length]!);
    return lane.closed();
  }),
];
