import { type Client, isGrpcServiceError } from "@temporalio/client";
import { hideLike } from "../model/hidden-fields.ts";
import { officeErrorOf, usage } from "../model/office-error.ts";
import { type Apart, setApart } from "../model/set-apart.ts";
import type { Db } from "../schema/database.ts";
import { encodedInputs } from "../schema/encoded-inputs.ts";
import type { LetterRow } from "../schema/rows.ts";
import { shownPayloads } from "../schema/shown-payloads.ts";
import { decodeInput, decodePayloads, shownArguments } from "./decode-input.ts";
import { orUnread, type SeenInput, seenInput, type Sight } from "./seen-input.ts";
import { inputOfRun, type SucceededRun, succeededRuns } from "./succeeded-runs.ts";

export type DiffOptions = {
  /** Against so many of the newest runs that succeeded. @default 5 @maximum 100 */
  readonly runs?: number;
  /** Fields that must not show, as in the office's config; what the rows of the job's letters hide is hidden anyway. */
  readonly redact?: readonly string[];
};

/** A letter's input against those of runs that succeeded. */
export type LetterDiff = Apart & {
  readonly letter: LetterRow;
  /** As it was recorded, or amended since. */
  readonly payload: unknown;
  /** The newest runs of its job that succeeded; empty where Temporal remembers none. */
  readonly runs: readonly SucceededRun[];
  /** Those of which the input could not be read: they are not compared. */
  readonly unread: readonly (SucceededRun & { readonly why: string })[];
  /** What was recorded first, where it has been amended since. */
  readonly original?: unknown;
};

/**
 * Compares a letter's input with the last ones of the same job that succeeded, read from the first events of their histories.
 *
 * @throws {OfficeError} `PAYLOAD_OMITTED` or `CONFIG_INVALID` where the letter's own cannot be read; `USAGE`
 */
export async function letterDiff(
  temporal: Client,
  db: Db,
  letter: LetterRow,
  { runs = 5, redact = [] }: DiffOptions,
): Promise<LetterDiff> {
  if (!Number.isInteger(runs) || runs < 1 || runs > 100)
    throw usage(`runs must be a whole number from 1 to 100, got ${runs}`);
  const codec = temporal.options.loadedDataConverter.payloadCodecs;
  const input = await seenInput(db, letter, { codec, redact });
  if (input.unread !== undefined) throw unseen(letter, input.unread);
  const shown = [letter.payload, ...(await shownPayloads(db, letter.job))];
  const hide = (args: readonly unknown[]) => hideLike(shownArguments(args), redact, shown);
  const found = await succeededRuns(temporal, letter.workflowType, runs);
  const inputs = await Promise.all(
    found.map(async (run) => ({
      run,
      input: await orForgotten(async () => {
        const payloads = await inputOfRun(temporal, run);
        return { payload: hide(await decodePayloads(() => payloads, codec)) };
      }),
    })),
  );
  const payload = hideLike(input.payload, [], shown);
  return {
    letter,
    payload,
    ...setApart(
      payload,
      inputs.flatMap(({ input: seen }) => (seen.unread === undefined ? [seen.payload] : [])),
    ),
    runs: inputs.flatMap(({ run, input: seen }) => (seen.unread === undefined ? [run] : [])),
    unread: inputs.flatMap(({ run, input: seen }) => (seen.unread === undefined ? [] : [{ ...run, why: seen.unread }])),
    ...(await originalOf(db, letter, codec, hide)),
  };
}

async function originalOf(
  db: Db,
  letter: LetterRow,
  codec: Sight["codec"],
  hide: (args: readonly unknown[]) => unknown,
): Promise<{ original?: unknown }> {
  const read = await orUnread(async () => {
    const { original } = await encodedInputs(db, letter.id);
    return original === null ? { unread: "" } : { payload: hide(await decodeInput(original, codec)) };
  });
  return read.unread === undefined ? { original: read.payload } : {};
}

/** Visibility may remember a run for a moment longer than its history is kept. */
async function orForgotten(read: () => Promise<SeenInput>): Promise<SeenInput> {
  try {
    return await orUnread(read);
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === notFound) return { unread: "Temporal has forgotten its history" };
    throw error;
  }
}

/** gRPC's NOT_FOUND. */
const notFound = 5;

function unseen({ id, payloadOmitted }: LetterRow, why: string): Error {
  const code = payloadOmitted || why === "not stored" ? "PAYLOAD_OMITTED" : "CONFIG_INVALID";
  return officeErrorOf(code, `The input of dead letter ${id} cannot be compared: ${why}`, { id });
}
