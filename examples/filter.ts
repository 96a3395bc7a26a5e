/**
 * A Filter: it receives a file as `data` and responds with what it makes of it. No current web server asks for one.
 *
 *     PORT=1234 npx tsx examples/filter.ts
 */
import { createServer } from "serve-fastcgi";

const server = createServer({
  roles: {
    filter: async ({ env, data, stdout }) => {
      const modified = new Date(Number(env.FCGI_DATA_LAST_MOD) * 1000).toUTCString();
      stdout.write(`Content-Type: text/plain\r\nLast-Modified: ${modified}\r\n\r\n`);
      for await (const chunk of data) stdout.write(String(chunk).toUpperCase());
    },
  },
});
server.listen(Number(process.env.PORT ?? 1234));
