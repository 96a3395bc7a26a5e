/**
 * An Authorizer: Apache's mod_authnz_fcgi and lighttpd ask it whether a request may pass, and respond themselves if so.
 *
 *     PORT=1234 npx tsx examples/authorizer.ts
 */
import { createServer } from "serve-fastcgi";

const server = createServer({
  roles: {
    authorizer: ({ env, allow, deny }) => {
      const [, credentials = ""] = /^Basic (.+)$/.exec(env.HTTP_AUTHORIZATION ?? "") ?? [];
      // mod_authnz_fcgi sends the credentials decoded.
      const [user, password] = env.REMOTE_PASSWD
        ? [env.REMOTE_USER, env.REMOTE_PASSWD]
        : Buffer.from(credentials, "base64").toString().split(":");
      if (user === "ada" && password === "secret") return allow({ variables: { REMOTE_USER: user } });
      return deny(401, "Who are you?\n", {
        type: "text/plain",
        headers: { "WWW-Authenticate": 'Basic realm="example"' },
      });
    },
  },
});
server.listen(Number(process.env.PORT ?? 1234));
