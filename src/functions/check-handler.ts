import {
  checkFunction,
  hasMethod,
  isClass,
  type Members,
  mistakeError,
} from "../http/application-mistakes.ts";
import { isHandlerClass } from "./fastcgi-handler.ts";

/**
 * Checks that a value is a CGI function or a class that extends FastCGIHandler.
 *
 * @throws TypeError with `ERR_INVALID_ARG_TYPE`; the message says what the value is, and what to pass instead
 */
export function checkHandler(handler: unknown): void {
  checkFunction(handler, "handler", "a function of { env, stdin, stdout, … }, or a class of FastCGIHandler");
  if (isClass(handler) && !isHandlerClass(handler)) {
    throw mistakeError(
      "handler",
      `the class ${handler.name}`,
      "have it extend FastCGIHandler, or pass a function",
    );
  }
  const members = handler as unknown as Members;
  if (hasMethod(members, "handle") && hasMethod(members, "use")) {
    throw mistakeError("handler", "an Express or Connect application", "pass it to serveFastCGI()");
  }
}
