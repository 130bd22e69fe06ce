import { readFile } from "node:fs/promises";
import { usage } from "../model/office-error.ts";
import { readStdin } from "./read-stdin.ts";
import type { RecordedLetter, RecordedRun } from "./recorded-run.ts";

/**
 * What an exported letter holds of the run that died last: a line that `dlo export --full` wrote.
 *
 * @param file its name, or `-` for standard input
 * @throws {OfficeError} `USAGE` for what is no such line, and for more than one
 */
export async function readExportedRun(file: string): Promise<RecordedRun> {
  const where = file === "-" ? "Standard input" : file;
  const found = parse(await read(file), where);
  const lacking = Object.entries(needed).find(([key, type]) => typeof found[key] !== type || found[key] === null);
  if (lacking !== undefined)
    throw usage(`${where} is no exported letter: it has no "${lacking[0]}". Export one with: dlo export --full`);
  const { payloadData, originalPayloadData, memoData, story, ...letter } = found as ExportedLetter;
  const last = story?.deaths?.at(-1)?.attempts;
  return {
    letter,
    attempt: Math.max(1, last ?? 1),
    encoded: { current: bytes(payloadData), original: bytes(originalPayloadData), memo: bytes(memoData) },
  };
}

type ExportedLetter = RecordedLetter & {
  readonly payloadData?: string | null;
  readonly originalPayloadData?: string | null;
  readonly memoData?: string | null;
  readonly story?: { readonly deaths?: readonly { readonly attempts?: number }[] };
};

const needed = {
  ...{ id: "string", job: "string", workflowType: "string", workflowId: "string", runId: "string", status: "string" },
  ...{ errorType: "string", errorMessage: "string", causeId: "string", category: "string", reason: "string" },
  ...{ failure: "object", headers: "object", idempotencyKey: "string", deaths: "number", retries: "number" },
} as const satisfies Partial<Record<keyof RecordedLetter, string>>;

async function read(file: string): Promise<string> {
  if (file === "-") return await readStdin("an exported letter");
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw usage(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One document, in lines or in one. */
function parse(text: string, where: string): Readonly<Record<string, unknown>> {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const several = lines.length > 1 && lines[0]?.startsWith("{") && lines[0].endsWith("}");
    if (several) throw usage(`${where} has ${lines.length} letters, and one is run: export it alone, or take its line`);
    throw usage(`${where} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof document === "object" && document !== null && !Array.isArray(document)) return { ...document };
  throw usage(`${where} is no exported letter. Export one with: dlo export --full`);
}

function bytes(base64: string | null | undefined): Uint8Array | null {
  return typeof base64 === "string" ? Buffer.from(base64, "base64") : null;
}
