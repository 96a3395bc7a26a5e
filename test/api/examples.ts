/** The examples in doc comments, as programs. */
import type { EntryPoint, ExtractedAPI } from "./extract.ts";

/** An example, completed by what it leaves out. */
export interface Example {
  readonly entryPoint: EntryPoint;
  /** Export or member that it belongs to, and its number there. */
  readonly name: string;
  readonly source: string;
}

/** What examples use without saying where it comes from. */
const PRELUDE: readonly [name: string, declaration: string][] = [
  ["express", 'import express from "express";'],
  ["http", 'import http from "node:http";'],
  ["once", 'import { once } from "node:events";'],
  ["text", 'import { text } from "node:stream/consumers";'],
  ["createReadStream", 'import { createReadStream } from "node:fs";'],
  ["supertest", 'import supertest from "supertest";'],
  ["app", 'declare const app: import("express").Express;'],
  ["socket", 'import { PassThrough } from "node:stream"; const socket = new PassThrough();'],
  ["req", 'declare const req: import("node:http").IncomingMessage;'],
  ["res", 'declare const res: import("node:http").ServerResponse;'],
];

/** Collects the examples of all exports and their members. */
export function readExamples(api: Record<EntryPoint, ExtractedAPI>): Example[] {
  const entryPoints = Object.keys(api) as EntryPoint[];
  return entryPoints.flatMap((entryPoint) => {
    const order = [entryPoint, ...entryPoints.filter((other) => other !== entryPoint)];
    const origins = new Map<string, string>();
    for (const other of order) {
      for (const { name } of api[other].exports) {
        if (name !== undefined && !origins.has(name)) origins.set(name, api[other].file);
      }
    }
    return api[entryPoint].exports.flatMap((declaration) =>
      [declaration, ...(declaration.members ?? [])].flatMap((member) => {
        const owner = member === declaration ? "" : `${declaration.name}.`;
        const found = [...(member.docComment ?? "").matchAll(/^ ?\* ```(?:ts|js)\n(.*?)^ ?\* ```/gms)];
        return found.map(([, lines], index) => ({
          entryPoint,
          name: `${owner}${member.name ?? "constructor"}${index === 0 ? "" : ` ${index + 1}`}`,
          source: complete(lines!.replace(/^ ?\* ?(?:#!.*)?/gm, ""), origins),
        }));
      }),
    );
  });
}

function complete(code: string, origins: ReadonlyMap<string, string>): string {
  const bare = code.replace(/\/\/.*|"[^"\n]*"/g, "");
  const parameters = [...bare.matchAll(/\(([^()]*)\)(?:: [\w<>]+)? =>|(\w+) =>/g)]
    .map(([, list, single]) => (list ?? single ?? "").replace(/: \w+/g, ""))
    .join(",");
  const isMissing = (name: string): boolean =>
    new RegExp(`(?<![\\w$]|(?<!\\.\\.)\\.)${name}\\b(?!\\??:)`).test(bare) &&
    !new RegExp(`\\b(?:const|let|class|function)\\s+${name}\\b`).test(bare) &&
    !new RegExp(`\\b(?:const|let) [{[][^=]*\\b${name}\\b[^=]*=`).test(bare) &&
    !new RegExp(`\\bimport\\b[^;]*\\b${name}\\b[^;]*\\bfrom\\b`).test(bare) &&
    !new RegExp(`\\b${name}\\b`).test(parameters);
  const imports = [...origins].filter(([name]) => isMissing(name));
  const lines = [
    ...imports.map(([name, file]) => `import { ${name} } from "${file}.js";`),
    ...PRELUDE.filter(([name]) => isMissing(name)).map(([, declaration]) => declaration),
    ...(isMissing("client")
      ? [`declare const client: import("${origins.get("FastCGIClient")}.js").FastCGIClient;`]
      : []),
    "export {};",
    code.replace(/"serve-fastcgi(?:\/(\w+))?"/g, (_, entry: string | undefined) =>
      JSON.stringify(
        `${origins.get(entry === "client" ? "FastCGIClient" : entry === "protocol" ? "RecordParser" : "serveFastCGI")}.js`,
      ),
    ),
  ];
  return lines.join("\n");
}
