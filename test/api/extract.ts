/**
 * The public interface of the package, read from its declarations by API Extractor. Run as a program (`npm run api`),
 * it writes the reports beside this file.
 *
 * API Extractor has a compiler of its own (TypeScript 5.9), as TypeScript 7 has no API that it could use; the
 * declarations are written by the project's compiler.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";

const root = fileURLToPath(new URL("../../", import.meta.url));
const NONE = { default: { logLevel: ExtractorLogLevel.None } };

/** The entry points, with the places of their declarations. */
const ENTRY_POINTS = { index: "index", client: "client/index", protocol: "protocol/index" };

/** Name of an entry point, and of its report. */
export type EntryPoint = keyof typeof ENTRY_POINTS;
export const entryPoints: readonly EntryPoint[] = ["index", "client", "protocol"];

/** An exported declaration, or a member of one. */
export interface Declaration {
  readonly kind: string;
  readonly name?: string;
  readonly docComment?: string;
  readonly members?: readonly Declaration[];
}

/** What an entry point exports. */
export interface ExtractedAPI {
  /** The file of its declarations, without its ending. */
  readonly file: string;
  /** The declarations as text. */
  readonly report: string;
  readonly exports: readonly Declaration[];
}

/** The report that is checked in. */
export function reportFile(entryPoint: EntryPoint): URL {
  return new URL(`${entryPoint}.api.md`, import.meta.url);
}

/** Compiles src/ into a folder, and reads the declarations of all entry points. */
export function extractAPI(folder: string): Record<EntryPoint, ExtractedAPI> {
  compile("-p", join(root, "src"), "--outDir", folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const extracted = entryPoints.map((name) => [name, extract(name, folder)] as const);
  return Object.fromEntries(extracted) as Record<EntryPoint, ExtractedAPI>;
}

/** Runs the project's compiler. */
export function compile(...options: string[]): void {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, "node_modules/typescript/bin/tsc"), ...options],
    {
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(stdout);
}

function extract(name: EntryPoint, folder: string): ExtractedAPI {
  const file = join(folder, `${ENTRY_POINTS[name]}.d.ts`);
  const model = join(folder, `${name}.api.json`);
  const compilerOptions = {
    module: "nodenext",
    target: "es2022",
    lib: ["es2023"],
    strict: true,
    skipLibCheck: true,
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
  };
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: file,
      newlineKind: "lf",
      compiler: { overrideTsconfig: { compilerOptions, files: [file] } },
      apiReport: {
        enabled: true,
        reportFileName: name,
        reportFolder: folder,
        reportTempFolder: join(folder, "temp"),
      },
      docModel: { enabled: true, apiJsonFilePath: model },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          ...NONE,
          "ae-forgotten-export": { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
        },
        tsdocMessageReporting: NONE,
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, "package.json"),
  });
  const { errorCount } = Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      message.handled = message.logLevel !== ExtractorLogLevel.Error;
    },
  });
  if (errorCount > 0) throw new Error(`API Extractor finds ${errorCount} errors in ${name}`);
  const { members } = JSON.parse(readFileSync(model, "utf8")) as Declaration;
  return {
    file: file.slice(0, -".d.ts".length),
    report: readFileSync(join(folder, `${name}.api.md`), "utf8"),
    exports: members?.[0]?.members ?? [],
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = mkdtempSync(join(tmpdir(), "serve-fastcgi-api-"));
  try {
    for (const [name, { report }] of Object.entries(extractAPI(folder))) {
      writeFileSync(reportFile(name as EntryPoint), report);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
