import type { IncomingMessage, ServerResponse } from "node:http";
import { echo, reportBody } from "./echo.ts";
import { endings } from "./endings.ts";
import { lateBodies } from "./late-body.ts";
import { responses } from "./responses.ts";
import { type Inspection, inspectionOf, noteEvents } from "./state.ts";
import { streams } from "./streams.ts";

/** One request, as a behaviour gets it. */
export interface Call {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly query: URLSearchParams;
  readonly inspection: Inspection;
}

/** What the application does under one path, `/_/<name>`. */
export type Behaviour = (call: Call) => unknown;

const behaviours: Record<string, Behaviour> = {
  ...responses,
  ...streams,
  ...endings,
  ...lateBodies,
  body: ({ req, res }) => reportBody(req, res),
  /** Notes that it was reached at all. */
  reached({ res, inspection }) {
    inspection.note("reached");
    res.end("reached");
  },
};

/**
 * The contract application without a framework: `/_/<name>?id=…` runs a behaviour, anything else echoes the
 * request.
 *
 * With `?events` in the query, the events of the request are noted for the control listener to tell.
 */
export function contractListener(req: IncomingMessage, res: ServerResponse): unknown {
  const target = req.url ?? "";
  if (!target.startsWith("/_/")) return echo(req, res);
  const url = new URL(target, "http://app");
  const name = url.pathname.slice(3);
  const behaviour = behaviours[name];
  if (!behaviour) throw new Error(`no behaviour is named ${name}`);
  const inspection = inspectionOf(url.searchParams.get("id") ?? "");
  if (url.searchParams.has("events")) noteEvents(inspection, req, res);
  return behaviour({ req, res, query: url.searchParams, inspection });
}
