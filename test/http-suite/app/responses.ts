import type { Behaviour } from "./listener.ts";

/** Ways to write a response head and a small body; what the client must see is in cases/heads.ts. */
export const responses: Record<string, Behaviour> = {
  "head-object": ({ res }) => res.writeHead(201, { "X-One": "1", "X-Many": ["a", "b"] }).end("object"),
  "head-message": ({ res }) => res.writeHead(201, "Made Here", { "X-One": "1" }).end("message"),
  "head-flat": ({ res }) => res.writeHead(200, ["X-One", "1", "X-Many", "a", "X-Many", "b"]).end("flat"),
  "head-merged"({ res }) {
    res.setHeader("X-One", "early");
    res.setHeader("X-Two", "2");
    res.writeHead(202, { "X-One": "1", "X-Three": "3" });
    res.end("merged");
  },
  "head-twice"({ res, inspection }) {
    res.writeHead(200);
    try {
      res.writeHead(500);
    } catch (error) {
      inspection.note((error as NodeJS.ErrnoException).code ?? "");
    }
    res.end(inspection.events.join());
  },
  "set-headers"({ res }) {
    res.setHeader("X-Many", ["a", "b"]);
    res.setHeader("X-Gone", "1").removeHeader("X-Gone");
    res.appendHeader("X-Appended", "1").appendHeader("X-Appended", "2");
    res.setHeaders(new Map([["X-Mapped", "m"]]));
    res.setHeaders(new Headers({ "X-Fetched": "f" }));
    res.end("set");
  },
  "set-cookies"({ res }) {
    res.setHeader("Set-Cookie", ["a=1; Path=/", "b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT"]);
    res.appendHeader("Set-Cookie", "c=3; HttpOnly");
    res.end("cookies");
  },
  status({ res, query }) {
    res.statusCode = Number(query.get("code"));
    const reason = query.get("reason");
    if (reason !== null) res.statusMessage = reason;
    res.end(`status ${res.statusCode}`);
  },
  latin1: ({ res, query }) =>
    res.setHeader("X-Latin", "caf\u00e9").end(query.get("body") === "buffer" ? Buffer.from("body") : "body"),
  "long-head"({ res, query }) {
    const total = Number(query.get("length"));
    // Fields of 1 KB each, as applications with many cookies send them.
    for (let index = 0; index < total / 1024; index++) res.setHeader(`X-Long-${index}`, "v".repeat(1000));
    res.end("long head");
  },
  "own-chunked": ({ res }) => res.writeHead(200, { "Transfer-Encoding": "chunked" }).end("own framing"),
  "own-chunked-twice"({ res }) {
    res.setHeader("Transfer-Encoding", "chunked");
    res.write("first,");
    res.end("second");
  },
  "own-connection"({ res }) {
    res.writeHead(200, { Connection: "keep-alive", "Keep-Alive": "timeout=5" });
    res.end("own connection");
  },
  "own-length": ({ res }) => res.writeHead(200, { "Content-Length": 5 }).end("12345"),
  /** With `?code=204` and others: writes a body that the status or HEAD forbids. */
  "forbidden-body"({ res, query }) {
    res.writeHead(Number(query.get("code") ?? 200), { ETag: '"1"', "Content-Type": "text/plain" });
    res.write("not to be seen, ");
    res.end("nor this");
  },
  "no-date"({ res }) {
    res.sendDate = false;
    res.end("no date");
  },
  async informational({ res, inspection }) {
    res.writeContinue(() => inspection.note("continue"));
    res.writeProcessing();
    await new Promise<void>((resolve) => {
      res.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" }, resolve);
    });
    inspection.note("early hints");
    res.setHeader("X-Final", "yes");
    res.end("final");
  },
  trailers({ res }) {
    res.writeHead(200, { Trailer: "X-Check", "Transfer-Encoding": "chunked" });
    res.write("body,");
    res.addTrailers({ "X-Check": "sum" });
    res.end("end");
  },
  encodings({ res }) {
    res.write("\u00e9", "latin1");
    res.write("c3a9", "hex");
    res.write("w6k=", "base64");
    res.end("\u00e9");
  },
  corked({ res }) {
    res.cork();
    for (const letter of "abcdef") res.write(letter);
    process.nextTick(() => {
      res.uncork();
      res.end("g");
    });
  },
  flags({ res, inspection }) {
    const note = (when: string) =>
      inspection.note(
        `${when}: ${["headersSent", "writableEnded"].filter((name) => Reflect.get(res, name)).join()}`,
      );
    note("new");
    res.write("a");
    note("written");
    res.end("b");
    note("ended");
    res.on("finish", () => inspection.note(`finished: ${res.writableFinished}`));
  },
  callbacks({ res, inspection }) {
    res.write("1", () => inspection.note("first"));
    res.write("2", "latin1", () => inspection.note("second"));
    res.end("3", () => inspection.note("end"));
    res.on("finish", () => inspection.note("finish event"));
  },
  "end-forms"({ res, query, inspection }) {
    const done = () => inspection.note("called");
    switch (query.get("form")) {
      case "nothing":
        return res.end();
      case "string":
        return res.end("body");
      case "buffer":
        return res.end(Buffer.from("body"));
      case "array":
        return res.end(new Uint8Array([98, 111, 100, 121]));
      case "encoding":
        return res.end("626f6479", "hex");
      case "callback":
        return res.end(done);
      case "string and callback":
        return res.end("body", done);
      default:
        return res.end("body", "latin1", done);
    }
  },
  "strict-length"({ res, query, inspection }) {
    res.strictContentLength = true;
    res.setHeader("Content-Length", 5);
    res.write("123");
    try {
      if (query.get("how") === "long") res.write("456");
      else res.end();
    } catch (error) {
      inspection.note((error as NodeJS.ErrnoException).code ?? "");
    }
    res.destroy();
  },
  "write-after-end"({ res, inspection }) {
    res.on("error", (error: NodeJS.ErrnoException) => inspection.note(`error ${error.code}`));
    res.end("ended");
    res.write("late", (error) => inspection.note(`callback ${(error as NodeJS.ErrnoException).code}`));
  },
  timeout({ res, inspection }) {
    res.setTimeout(20, () => {
      inspection.note("timeout");
      res.end("timed out");
    });
  },
};
