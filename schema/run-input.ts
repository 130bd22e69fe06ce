import { sql } from "drizzle-orm";
import { cleanRow } from "./clean-row.ts";
import { deadLetters } from "./tables.ts";

/** What a run was started with: enough to start it again. */
export type RunInput = NewPayload & {
  /** The encoded memo of the run. */
  readonly memoData: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly key?: string;
  readonly idempotencyKey: string;
  readonly batch?: string;
  readonly traceId?: string;
};

/** An input, once for looking and once for running. */
export type NewPayload = {
  /** The decoded input, an array where there are several arguments. Null where the office may not show or decode it. */
  readonly payload: unknown;
  /** The serialized `Payloads` of history, after the codec. Null: the queue's policy omits payloads. */
  readonly payloadData: Uint8Array | null;
};

/** The columns of a letter that hold what its newest run was started with. Not cleaned yet. */
export function inputColumns(input: RunInput) {
  return {
    payload: input.payload ?? null,
    payloadData: input.payloadData,
    payloadOmitted: input.payloadData === null,
    memoData: input.memoData,
    headers: input.headers,
    key: input.key ?? null,
    idempotencyKey: input.idempotencyKey,
    batch: input.batch ?? null,
    traceId: input.traceId ?? null,
  };
}

/** What an amended input sets in a letter's row, cleaned. The input before the first amendment stays beside it. */
export function amendedColumns(input: NewPayload | undefined) {
  if (input === undefined) return {};
  const said = { payload: input.payload ?? null };
  const clean = cleanRow(said);
  return {
    ...clean,
    payloadData: input.payloadData,
    payloadOmitted: input.payloadData === null,
    originalPayloadData: sql`coalesce(${deadLetters.originalPayloadData}, ${deadLetters.payloadData})`,
    ...(clean === said ? {} : { cleaned: true }),
  };
}
