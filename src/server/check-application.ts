import { isHandlerClass } from "../functions/fastcgi-handler.ts";
import { checkFunction, findMistake, isClass, mistakeError } from "../http/application-mistakes.ts";
import { describeValue } from "../listen/argument-error.ts";

/**
 * Checks that an application is a `(req, res)` listener of node:http.
 *
 * @throws TypeError with `ERR_INVALID_ARG_TYPE`; the message says what the value is, and what to pass instead
 */
export function checkApplication(app: unknown): void {
  checkFunction(app, "app", "a (req, res) listener, for instance an Express application");
  if (!isClass(app)) return;
  const remedy = isHandlerClass(app)
    ? "pass it to fastcgi()"
    : "make an instance, and pass its (req, res) listener";
  throw mistakeError("app", `the class ${app.name}`, remedy);
}

/**
 * Checks that options are not an application: node:http would accept any object as options.
 *
 * @throws TypeError with `ERR_INVALID_ARG_TYPE`; the message says what the value is, and what to pass instead
 */
export function checkIsOptions(options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw mistakeError("options", describeValue(options), "give an object, or a (req, res) listener");
  }
  if (Array.isArray(options)) throw mistakeError("options", "an array", "give an object");
  const mistake = findMistake(options);
  if (mistake !== undefined && !mistake.isVague) throw mistakeError("app", mistake.is, mistake.remedy);
}
