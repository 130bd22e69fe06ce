import type { Client } from "@temporalio/client";
import type { CapturedRecord } from "../model/captured-record.ts";
import { recordInvalid, errorCodeOf, type ErrorCode, usage } from "../model/office-error.ts";
import type { Status } from "../model/status.ts";
import { bringRecord, type CaptureOptions, optionKeys, prepareRecord, readOptions } from "./capture-record.ts";
import { inLanes } from "./in-lanes.ts";
import { type Lines, readLines } from "./read-lines.ts";

/**
 * What became of a record.
 *
 * - `captured`: it is a letter now
 * - `here`: it had its letter already, open or closed
 * - `waiting`: Temporal has it, and no office has answered yet; it can still be refused then
 * - `refused`: it is no letter; `why` says why
 * - `checked`: a dry run found nothing wrong with it
 */
export const captureOutcomes = ["captured", "here", "waiting", "refused", "checked"] as const;

export type CaptureOutcome = (typeof captureOutcomes)[number];

export type CaptureResult = {
  /** Which record it was, from 1; of a file the line. */
  readonly n: number;
  readonly outcome: CaptureOutcome;
  readonly letterId?: string;
  /** Of its letter. */
  readonly status?: Status;
  /** What its source makes. */
  readonly workflowId?: string;
  /** Of the refusal, such as `JOB_UNKNOWN`. */
  readonly code?: ErrorCode;
  readonly why?: string;
};

/** How many records had each outcome. */
export type CaptureReport = { readonly [Outcome in CaptureOutcome]: number } & {
  /** Those that are no letters, the first 1,000 of them. */
  readonly missing: readonly CaptureResult[];
};

export type CaptureAllOptions = CaptureOptions & {
  /** How many are under way at a time. @minimum 1 @maximum 100 @default 8 */
  readonly lanes?: number;
  /** Only checks what can be checked without the office; nothing is written. @default false */
  readonly dryRun?: boolean;
  /** Called for each record, in their order. */
  readonly onRecord?: (result: CaptureResult) => void;
};

export type CaptureLinesOptions = CaptureAllOptions & {
  /** What lines have that do not say it themselves. */
  readonly defaults?: Partial<CapturedRecord>;
};

export type Records = AsyncIterable<CapturedRecord> | Iterable<CapturedRecord>;

/** Captures records, some at a time. A refused one is reported, and the rest goes on; what ends Temporal's answers ends it all. */
export async function captureAll(
  temporal: Client,
  records: Records,
  options: CaptureAllOptions = {},
): Promise<CaptureReport> {
  return await capture(temporal, numbered(records), options, [...allKeys]);
}

/** Captures JSON lines. */
export async function captureLines(
  temporal: Client,
  pieces: Lines,
  options: CaptureLinesOptions = {},
): Promise<CaptureReport> {
  const { defaults = {}, ...rest } = options;
  return await capture(temporal, parsed(pieces, defaults), rest, [...allKeys, "defaults"]);
}

const allKeys = [...optionKeys, "lanes", "dryRun", "onRecord"];
const mostMissing = 1000;

type Item = { readonly n: number; readonly read: () => unknown };

async function capture(
  temporal: Client,
  items: AsyncIterable<Item>,
  options: CaptureAllOptions,
  known: readonly string[],
): Promise<CaptureReport> {
  const { office, waitMs } = readOptions(options, known);
  const { lanes = 8, dryRun = false, onRecord = () => undefined } = options;
  if (!Number.isInteger(lanes) || lanes < 1 || lanes > 100)
    throw usage(`lanes must be a whole number from 1 to 100, got ${lanes}`);
  const take = async ({ n, read }: Item): Promise<CaptureResult> => {
    let workflowId: string | undefined;
    try {
      const prepared = await prepareRecord(temporal, read(), office);
      ({ workflowId } = prepared);
      if (dryRun) return { n, outcome: "checked", workflowId };
      const { letterId, isNew, status } = await bringRecord(temporal, prepared, waitMs);
      return { n, outcome: isNew ? "captured" : "here", letterId, status, workflowId };
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === undefined || !reported.includes(code)) throw error;
      const why = (error as Error).message;
      const outcome = code === "WAIT_TIMEOUT" ? "waiting" : "refused";
      return { n, outcome, ...(workflowId === undefined ? {} : { workflowId }), code, why };
    }
  };
  const counts: Record<CaptureOutcome, number> = { captured: 0, here: 0, waiting: 0, refused: 0, checked: 0 };
  const missing: CaptureResult[] = [];
  for await (const result of inLanes(items, take, lanes)) {
    counts[result.outcome]++;
    if (result.letterId === undefined && result.outcome !== "checked" && missing.length < mostMissing)
      missing.push(result);
    onRecord(result);
  }
  return { ...counts, missing };
}

/** What concerns one record; all else would meet the next one too. */
const reported: readonly ErrorCode[] = [
  "INPUT_INVALID",
  "INPUT_TOO_LARGE",
  "CAPTURE_REFUSED",
  "JOB_UNKNOWN",
  "WAIT_TIMEOUT",
];

async function* numbered(records: Records): AsyncGenerator<Item> {
  let n = 0;
  for await (const record of records) yield { n: ++n, read: () => record };
}

async function* parsed(pieces: Lines, defaults: Partial<CapturedRecord>): AsyncGenerator<Item> {
  for await (const line of readLines(pieces))
    yield {
      n: line.line,
      read() {
        if ("why" in line) throw recordInvalid(line.why);
        const record = parse(line.text);
        return typeof record === "object" && record !== null && !Array.isArray(record)
          ? { ...defaults, ...record }
          : record;
      },
    };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw recordInvalid(`it is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
