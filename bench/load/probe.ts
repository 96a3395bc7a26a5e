import { once } from "node:events";
import { connect } from "node:net";
import { RecordParser, RecordType } from "../../src/protocol/index.ts";
import type { LoadTarget, ProbeResult } from "./messages.ts";
import { HTTPResponseReader } from "./response-readers.ts";

/** Sends one request and reads the whole response, to check that it is correct before the measurement. */
export async function probe(target: LoadTarget): Promise<ProbeResult> {
  const socket = connect(target.address);
  await once(socket, "connect");
  socket.write(target.request);
  const chunks: Buffer[] = [];
  const parser = new RecordParser();
  const reader = new HTTPResponseReader();
  let isWhole = false;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    if (target.protocol === "http") {
      chunks.push(chunk);
      isWhole = reader.push(chunk, chunk.length);
    } else {
      for (const record of parser.push(chunk)) {
        if (record.type === RecordType.STDOUT) chunks.push(record.content);
        if (record.type === RecordType.END_REQUEST) isWhole = true;
      }
    }
    if (isWhole) break;
  }
  socket.destroy();
  if (!isWhole && !reader.end()) throw new Error("the probe's response was cut off");
  const content = Buffer.concat(chunks);
  const headLength = content.indexOf("\r\n\r\n") + 4;
  const head = content.toString("latin1", 0, headLength);
  const status = /^(?:HTTP\/1\.1|Status:) (\d+)/i.exec(head);
  return {
    statusCode: Number(status?.[1] ?? 200),
    bodyLength: target.protocol === "http" ? reader.content : content.length - headLength,
    head,
  };
}
