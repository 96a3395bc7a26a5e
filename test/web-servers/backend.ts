/** A backend of the rolling restart; arguments: the port, and its name. SIGTERM stops it gracefully. */
import { serveFastCGI } from "../../src/index.ts";

const [port, name] = process.argv.slice(2);
const server = serveFastCGI(
  (req, res) => {
    // A part of the requests takes its time, so that some run at any moment.
    const respond = () => void res.end(`${name} ${req.url}`);
    if (Math.random() < 0.2) setTimeout(respond, 10);
    else respond();
  },
  { port: Number(port), signals: true },
);
server.once("listening", () => process.send?.("listening"));
