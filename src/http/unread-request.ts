import { IncomingMessage } from "node:http";
import { Socket } from "node:net";

/**
 * Whether, in this version of Node, `end` of an unread request comes before `close` of its response.
 *
 * Up to Node 26.8, node:http drops an unread body by `resume()`, which takes one tick more than `close`. Since 26.9 it
 * reads a complete, empty body at once. The same change destroys a message within its `end`; that is tested here,
 * because it needs no private member and also holds for a backport.
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
