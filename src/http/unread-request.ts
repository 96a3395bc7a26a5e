import { IncomingMessage } from "node:http";
import { Socket } from "node:net";

/**
 * Whether `end` of a request that nobody read comes before `close` of its response.
 *
 * Up to Node 26.8, node:http throws an unread body away by `resume()`, which takes one tick more than `close` does.
 * Since 26.9 it reads what is complete and empty at once. The same release completes the destruction of a message
 * within its `end`, which can be seen without asking for private members, and holds for a backport as well.
 */
export let endsBeforeClose = false;

const probe = new IncomingMessage(new Socket());
probe.complete = true;
probe.push(null);
probe.on("end", () => {
  process.nextTick(() => {
    endsBeforeClose = probe.closed;
  });
});
probe.read();
