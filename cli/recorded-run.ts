import type { LetterRow } from "../client/index.ts";
import { withReader } from "./open-reader.ts";
import type { TargetFlags } from "./target-flags.ts";

/** What a letter holds of the run that died last. */
export type RecordedRun = {
  readonly letter: RecordedLetter;
  /** Its number in that run; 1 where none began. */
  readonly attempt: number;
  /** Serialized, as history has them; null where they are not stored, or not for this user to see. */
  readonly encoded: {
    readonly current: Uint8Array | null;
    readonly original: Uint8Array | null;
    readonly memo: Uint8Array | null;
  };
};

/** Of a letter's columns those that a run needs, and who reads of it. */
export type RecordedLetter = Pick<
  LetterRow,
  | ("id" | "kind" | "job" | "workflowType" | "workflowId" | "runId" | "status" | "deaths" | "retries")
  | ("errorType" | "errorMessage" | "causeId" | "category" | "reason" | "failure")
  | ("headers" | "key" | "idempotencyKey" | "batch" | "payloadOmitted" | "cleaned")
>;

/** Reads it from the tables: nothing is asked of Temporal. */
export async function readRecordedRun(id: string, flags: TargetFlags): Promise<RecordedRun> {
  return await withReader(flags, async (reader) => {
    const letter = await reader.get(id);
    const [{ deaths }, inputs, memo] = await Promise.all([
      reader.story(letter.id),
      reader.encodedInputs(letter.id),
      reader.encodedMemo(letter.id),
    ]);
    return { letter, attempt: Math.max(1, deaths.at(-1)?.attempts ?? 1), encoded: { ...inputs, memo } };
  });
}

/** Which retry of its letter that run was, and how often the id had died before. */
export function placeOfRun({ status, deaths, retries }: RecordedLetter): {
  readonly deaths: number;
  readonly retry: number;
} {
  // The retry that runs, or that succeeded, came after it.
  const later = status === "retrying" || status === "recovered" ? 1 : 0;
  return { deaths: Math.max(0, deaths - 1), retry: Math.max(0, retries - later) };
}
