import { strict as assert } from "node:assert";
import { and, eq, inArray, isNull, lt, ne, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { Projection, ProjectionResult } from "../model/letter-activities.ts";
import type { OwnPolicy } from "../model/queue-policy.ts";
import { letterBusy, letterNotFound } from "../model/office-error.ts";
import { isOpen, reopenable } from "../model/status.ts";
import { appendEvents } from "./append-events.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { tellItem } from "./item-outcome.ts";
import { keepUntil } from "./keep-until.ts";
import { momentAt, momentOrNull, spanOrNull } from "./moments.ts";
import { policyColumns } from "./park-death.ts";
import type { NewPayload } from "./run-input.ts";
import { amendedColumns } from "./run-input.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** What a letter's workflow says of itself, with its amendment as the tables keep it. */
export type RowProjection = Omit<Projection, "amendment"> & {
  readonly amendment?: NewPayload;
  /** Retries that the end of the retention started. */
  readonly expiryRetries?: number;
};

/**
 * Brings a letter's row to what its workflow says, and writes its events, in one statement; or neither.
 *
 * The row takes only a newer revision than its own, and closes only if it has no death that the letter doesn't know. A
 * closed row takes events and nothing more: `stale`.
 *
 * @throws {OfficeError} `LETTER_NOT_FOUND`
 */
export async function projectLetter(db: Db, projection: RowProjection): Promise<ProjectionResult> {
  const { letterId, revision, close } = projection;
  return await translatingErrors(db, async () => {
    if (projection.reopen === true && (await isOtherOpen(db, letterId))) throw letterBusy(letterId, "reopen");
    const letter = db.$with("letter").as(
      db
        .update(deadLetters)
        .set({ revision, ...projectedColumns(projection) })
        .where(
          and(
            eq(deadLetters.id, letterId),
            lt(deadLetters.revision, revision),
            openUnlessOnlyEvents(projection),
            close && eq(deadLetters.deaths, close.deaths),
          ),
        )
        .returning({
          id: deadLetters.id,
          namespace: deadLetters.namespace,
          workflowId: deadLetters.workflowId,
          causeId: deadLetters.causeId,
        }),
    );
    const written = await db
      .with(letter, ...appendEvents(db, projection.events, revision), ...tellItem(db, projection.item))
      .select()
      .from(letter);
    return written.length > 0 ? "written" : await whyNot(db, projection);
  });
}

/** Whether another letter of its job is open: there is at most one. Index: `dead_letters_one_open`. */
async function isOtherOpen(db: Db, letterId: string): Promise<boolean> {
  const own = alias(deadLetters, "own");
  const [other] = await db
    .select({ id: deadLetters.id })
    .from(own)
    .innerJoin(
      deadLetters,
      and(
        eq(deadLetters.namespace, own.namespace),
        eq(deadLetters.workflowId, own.workflowId),
        isNull(deadLetters.closedAt),
      ),
    )
    .where(and(eq(own.id, letterId), ne(deadLetters.id, letterId)));
  return other !== undefined;
}

/** What came while the letter was closing still gets its answer into the story. */
function openUnlessOnlyEvents({ status, amendment, reopen }: RowProjection) {
  if (reopen === true) return inArray(deadLetters.status, [...reopenable]);
  return status === undefined && amendment === undefined ? undefined : isNull(deadLetters.closedAt);
}

function projectedColumns(projection: RowProjection) {
  const { status, retries, expiryRetries, retriedAtMs, retentionMs, queue, policy, amendment, close, reopen } =
    projection;
  const { failedCode, retryRunId } = projection;
  assert((status !== undefined && !isOpen(status)) === (close !== undefined), `closing, but with status ${status}`);
  return {
    ...(status === undefined ? {} : { status }),
    ...clocks(projection),
    ...(retries === undefined ? {} : { retries }),
    ...(expiryRetries === undefined ? {} : { expiryRetries }),
    ...(retriedAtMs === undefined ? {} : { retriedAt: momentAt(retriedAtMs) }),
    ...(retryRunId === undefined ? {} : { retryRunId }),
    ...(retentionMs === undefined
      ? {}
      : { retentionMs: spanOrNull(retentionMs), ownPolicy: withRetention(retentionMs) }),
    ...(queue === undefined ? {} : cleanRow({ queue })),
    ...(policy === undefined ? {} : policyColumns(policy)),
    // Handed on, it has the new queue's rules alone.
    ...(policy === undefined || queue === undefined ? {} : { ownPolicy: {} }),
    ...(failedCode === undefined ? {} : { failedCode }),
    ...(reopen === true ? { closedAt: null, closeReason: null, keepUntil: null } : {}),
    ...amendedColumns(amendment),
    ...(close === undefined ? {} : closingColumns(close)),
  };
}

/** What somebody has given it by hand outlives a change of its queue's policy. */
function withRetention(retentionMs: number | "indefinite") {
  return sql<OwnPolicy>`${deadLetters.ownPolicy} || ${JSON.stringify({ retentionMs })}::jsonb`;
}

/** Only a parked letter has a clock, and only one: it waits to expire, or for its retry. */
function clocks({ status, expiresAtMs, retryAtMs, retryWhen }: RowProjection) {
  if (status !== undefined && status !== "parked") return { expiresAt: null, retryAt: null, retryWhen: null };
  if (typeof retryAtMs === "number") return { expiresAt: null, retryAt: momentAt(retryAtMs), retryWhen: null };
  if (typeof retryWhen === "string") return { expiresAt: null, retryAt: null, ...cleanRow({ retryWhen }) };
  return {
    ...(retryWhen === undefined ? {} : { retryWhen }),
    ...(expiresAtMs === undefined ? {} : { expiresAt: momentOrNull(expiresAtMs) }),
    ...(retryAtMs === undefined ? {} : { retryAt: null }),
  };
}

function closingColumns({ atMs, reason }: NonNullable<RowProjection["close"]>) {
  const closedAt = momentAt(atMs);
  return {
    closedAt,
    ...cleanRow({ closeReason: reason }),
    keepUntil: sql`case when ${deadLetters.keepForMs} is null then null else ${keepUntil(closedAt)} end`,
  };
}

async function whyNot(db: Db, { letterId, revision, close }: RowProjection): Promise<ProjectionResult> {
  const [found] = await db
    .select({ revision: deadLetters.revision, deaths: deadLetters.deaths, closedAt: deadLetters.closedAt })
    .from(deadLetters)
    .where(eq(deadLetters.id, letterId));
  if (found === undefined) throw letterNotFound(letterId);
  const dying =
    found.closedAt === null && found.revision < revision && close !== undefined && found.deaths !== close.deaths;
  return dying ? "dying" : "stale";
}
