import { Server } from "node:net";
import { types } from "node:util";
import { argumentError, describeValue } from "../listen/argument-error.ts";

/** A kind of value that is passed by mistake in place of a `(req, res)` listener, and what to pass instead. */
interface Mistake {
  readonly matches: (value: Members) => boolean;
  readonly is: string;
  readonly remedy: string;
  /** An object with options may match, too. */
  readonly isVague?: boolean;
}

/** The members of any object. */
export type Members = Readonly<Record<string, unknown>>;

/** The first match counts: a Fastify instance has `then()`, too. */
const MISTAKES: readonly Mistake[] = [
  {
    matches: (value) => hasMethod(value, "routing") && hasMethod(value, "inject"),
    is: "a Fastify instance",
    remedy:
      "make it with { serverFactory: (handler) => createServer(handler) } and call its listen(), or pass app.routing after `await app.ready()`",
  },
  { matches: (value) => hasMethod(value, "then"), is: "a Promise", remedy: "await it first" },
  {
    matches: (value) => value instanceof Server,
    is: "a server",
    remedy: "pass its request listener",
  },
  {
    matches: (value) => types.isModuleNamespaceObject(value) || value.__esModule === true,
    is: "a module",
    remedy: "pass what it exports, for instance module.default",
  },
  {
    matches: (value) => hasMethod(value, "callback") && hasMethod(value, "use"),
    is: "a Koa application",
    remedy: "pass app.callback()",
  },
  {
    matches: (value) => hasMethod(value, "getHttpAdapter"),
    is: "a Nest application",
    remedy: "pass app.getHttpAdapter().getInstance() after `await app.init()`",
  },
  {
    matches: (value) => hasMethod(value, "getRequestHandler") && hasMethod(value, "prepare"),
    is: "a Next.js application",
    remedy: "pass app.getRequestHandler() after `await app.prepare()`",
  },
  {
    matches: (value) => value.listener instanceof Server || value.server instanceof Server,
    is: "an application with a server of its own",
    remedy: "have it use that of createServer(), where it has an option for it",
  },
  {
    matches: (value) => hasMethod(value, "fetch"),
    is: "an object with fetch()",
    remedy: "wrap it into a (req, res) listener, as getRequestListener(app.fetch) of @hono/node-server does",
  },
  {
    matches: (value) => hasMethod(value, "handler"),
    is: "an object with handler()",
    remedy: "pass app.handler",
    isVague: true,
  },
  {
    matches: (value) => hasMethod(value, "default"),
    is: "a module",
    remedy: "pass module.default",
    isVague: true,
  },
];

/** Returns the mistake that an object is; undefined if it looks like none. */
export function findMistake(value: object): Mistake | undefined {
  return MISTAKES.find(({ matches }) => matches(value as Members));
}

/**
 * Checks that an argument is a function.
 *
 * @param name of the argument
 * @param wanted describes what the argument should be
 * @throws TypeError with `ERR_INVALID_ARG_TYPE`; the message says what the value is, and what to pass instead
 */
export function checkFunction(value: unknown, name: string, wanted: string): asserts value is () => unknown {
  if (typeof value === "function") return;
  const mistake = typeof value === "object" && value !== null ? findMistake(value) : undefined;
  if (mistake !== undefined) throw mistakeError(name, mistake.is, mistake.remedy);
  throw mistakeError(name, describeValue(value), `give ${wanted}`);
}

/** Creates the error of an argument that is something else. */
export function mistakeError(name: string, is: string, remedy: string): Error {
  return argumentError("ERR_INVALID_ARG_TYPE", `${name} is ${is}: ${remedy}`);
}

/** Returns whether a function is a class. */
export function isClass(value: () => unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

/** Returns whether an object has a method. */
export function hasMethod(value: Members, name: string): boolean {
  return typeof value[name] === "function";
}
