import { Server } from "node:net";
import { types } from "node:util";
import { argumentError, describeValue } from "../listen/argument-error.ts";

/** What people pass that is no `(req, res)` listener: how it is told, what it is, and what to pass instead. */
interface Mistake {
  readonly isIt: (value: Members) => boolean;
  readonly is: string;
  readonly wayOut: string;
  /** Options may look like this, too. */
  readonly isVague?: boolean;
}

type Members = Readonly<Record<string, unknown>>;

/** The first that fits is meant. A Fastify instance has `then()`, too. */
const MISTAKES: readonly Mistake[] = [
  {
    isIt: (value) => has(value, "routing") && has(value, "inject"),
    is: "a Fastify instance",
    wayOut:
      "make it with { serverFactory: (handler) => createServer(handler) } and call its listen(), or pass app.routing after `await app.ready()`",
  },
  { isIt: (value) => has(value, "then"), is: "a Promise", wayOut: "await it first" },
  {
    isIt: (value) => value instanceof Server,
    is: "a server",
    wayOut: "pass its request listener",
  },
  {
    isIt: (value) => types.isModuleNamespaceObject(value) || value.__esModule === true,
    is: "a module",
    wayOut: "pass what it exports, for instance module.default",
  },
  {
    isIt: (value) => has(value, "callback") && has(value, "use"),
    is: "a Koa application",
    wayOut: "pass app.callback()",
  },
  {
    isIt: (value) => has(value, "getHttpAdapter"),
    is: "a Nest application",
    wayOut: "pass app.getHttpAdapter().getInstance() after `await app.init()`",
  },
  {
    isIt: (value) => has(value, "getRequestHandler") && has(value, "prepare"),
    is: "a Next.js application",
    wayOut: "pass app.getRequestHandler() after `await app.prepare()`",
  },
  {
    isIt: (value) => value.listener instanceof Server || value.server instanceof Server,
    is: "an application with a server of its own",
    wayOut: "have it use that of createServer(), where it has an option for it",
  },
  {
    isIt: (value) => has(value, "fetch"),
    is: "an object with fetch()",
    wayOut: "wrap it into a (req, res) listener, as getRequestListener(app.fetch) of @hono/node-server does",
  },
  {
    isIt: (value) => has(value, "handler"),
    is: "an object with handler()",
    wayOut: "pass app.handler",
    isVague: true,
  },
  {
    isIt: (value) => has(value, "default"),
    is: "a module",
    wayOut: "pass module.default",
    isVague: true,
  },
];

/**
 * Refuses what is no `(req, res)` listener of node:http.
 *
 * @throws TypeError with `ERR_INVALID_ARG_TYPE`; the message names what it is, and what to pass instead
 */
export function checkApplication(app: unknown): void {
  checkFunction(app, "app", "a (req, res) listener, for instance an Express application");
  if (!isClass(app)) return;
  const wayOut = isHandlerClass(app)
    ? "pass it to fastcgi()"
    : "make an instance, and pass its (req, res) listener";
  throw refusal("app", `the class ${app.name}`, wayOut);
}

/**
 * Refuses what is no function of a CGI context and no class of FastCGIHandler.
 *
 * @throws as {@link checkApplication}
 */
export function checkHandler(handler: unknown): void {
  checkFunction(handler, "handler", "a function of { env, stdin, stdout, … }, or a class of FastCGIHandler");
  if (isClass(handler) && !isHandlerClass(handler)) {
    throw refusal(
      "handler",
      `the class ${handler.name}`,
      "have it extend FastCGIHandler, or pass a function",
    );
  }
  const members = handler as unknown as Members;
  if (has(members, "handle") && has(members, "use")) {
    throw refusal("handler", "an Express or Connect application", "pass it to serveFastCGI()");
  }
}

/**
 * Refuses an application in the place of options: as an object, node:http would take it for some.
 *
 * @throws as {@link checkApplication}
 */
export function checkIsOptions(options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw refusal("options", describeValue(options), "give an object, or a (req, res) listener");
  }
  if (Array.isArray(options)) throw refusal("options", "an array", "give an object");
  const mistake = findMistake(options);
  if (mistake !== undefined && !mistake.isVague) throw refusal("app", mistake.is, mistake.wayOut);
}

function checkFunction(value: unknown, name: string, wanted: string): asserts value is () => unknown {
  if (typeof value === "function") return;
  const mistake = typeof value === "object" && value !== null ? findMistake(value) : undefined;
  if (mistake !== undefined) throw refusal(name, mistake.is, mistake.wayOut);
  throw refusal(name, describeValue(value), `give ${wanted}`);
}

function findMistake(value: object): Mistake | undefined {
  return MISTAKES.find(({ isIt }) => isIt(value as Members));
}

function has(value: Members, name: string): boolean {
  return typeof value[name] === "function";
}

function isClass(value: () => unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

/** By its method, as FastCGIHandler itself lies above this file. */
function isHandlerClass(value: object): boolean {
  const prototype: unknown = Reflect.get(value, "prototype");
  return typeof prototype === "object" && prototype !== null && "handle" in prototype;
}

function refusal(name: string, is: string, wayOut: string): Error {
  return argumentError("ERR_INVALID_ARG_TYPE", `${name} is ${is}: ${wayOut}`);
}
