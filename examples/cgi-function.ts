/**
 * A CGI function: no framework, and an argument that has the shape of `process`.
 *
 *     npx tsx examples/cgi-function.ts              on the socket that a web server hands over, else on ./fcgi.sock
 *     PORT=1234 npx tsx examples/cgi-function.ts    on a TCP port
 *     HTTP=8080 npx tsx examples/cgi-function.ts    over plain HTTP, to open it in a browser
 */
import { type CGIFunction, cgiListener, fastcgi, serveHTTP } from "serve-fastcgi";

const handler: CGIFunction = async ({ env, stdin, stdout, stderr }) => {
  const query = env.QUERY_STRING;
  let content = "";
  for await (const chunk of stdin) content += chunk;
  stderr.write("This line is in the error log of the web server.\n");
  stdout.write(`Content-Type: text/plain\r\n\r\n${content} ; ${query}\r\n`);
};

if (process.env.HTTP) serveHTTP(cgiListener(handler), process.env.HTTP);
else if (process.env.PORT) fastcgi(handler, process.env.PORT);
else fastcgi(handler);
