import { strict as assert } from "node:assert";
import type { SQL, WithSubquery } from "drizzle-orm";
import { and, eq, isNull, lt, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import type { ItemOutcome } from "../model/letter-activities.ts";
import { letterNotFound } from "../model/office-error.ts";
import { appendDeath, deathIs, errorColumns } from "./append-death.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { tellItem } from "./item-outcome.ts";
import { momentAt, momentOrNull } from "./moments.ts";
import type { RunDeath } from "./run-death.ts";
import type { RunInput } from "./run-input.ts";
import { inputColumns } from "./run-input.ts";
import { deadLetters, deaths } from "./tables.ts";
import { missesColumn, translatingErrors, violatedConstraint } from "./translate-error.ts";

/** The death of a run that a letter started, or had waited for. */
export type RetryDeath = RunDeath & {
  readonly letterId: string;
  readonly revision: number;
  readonly expiresAtMs: number | null;
  /** Absent: the letter started the run, with its own row's input. */
  readonly input?: RunInput;
  /** The redrive that started the run, whose item gets this outcome. */
  readonly redrive?: string;
};

/** A death as the row has it. */
export type RecordedRow = Pick<
  typeof deaths.$inferSelect,
  "n" | "runId" | "diedAt" | "reason" | "category" | "errorType" | "errorMessage"
>;

/**
 * Appends a death to the letter and parks its row again, in one statement. A repeat changes nothing and returns the death
 * as it was recorded first; where the run has parked it by itself, only the row is brought up to the revision.
 *
 * Where the row has a newer revision, or is closed, the death is still appended but status and clock stay. Do not call it in
 * a transaction that has to go on after a repeat.
 *
 * @throws {OfficeError} `LETTER_NOT_FOUND`
 */
export async function recordRetryDeath(db: Db, death: RetryDeath): Promise<RecordedRow> {
  return await translatingErrors(db, async () => {
    try {
      const letter = db.$with("letter").as(parkAgain(db, death));
      const input = death.input === undefined ? sql`(select payload_data from letter)` : death.input.payloadData;
      const parts: WithSubquery[] = [letter, ...appendDeath(db, death, input), ...tellItem(db, outcomeOf(death))];
      const { deaths: n, failedAt: diedAt, runId, reason, category, errorType, errorMessage } = letter;
      const [written] = await db
        .with(...parts)
        .select({ n, diedAt, runId, reason, category, errorType, errorMessage })
        .from(letter);
      assert(written, `the death of run ${death.runId} was written, but no letter came back`);
      return written;
    } catch (error) {
      if (missesColumn(error) === "letter_id") throw letterNotFound(death.letterId);
      if (violatedConstraint(error) !== "deaths_once") throw error;
      await parkKnown(db, death);
      return await recorded(db, death);
    }
  });
}

function parkAgain(db: Db, death: RetryDeath) {
  const { revision, status, expiresAt, retryAt, attempts, closedAt } = deadLetters;
  const current = sql`${lt(revision, death.revision)} and ${isNull(closedAt)}`;
  const whenCurrent = (value: SQL, column: AnyPgColumn) => sql`case when ${current} then ${value} else ${column} end`;
  const said = { ...errorColumns(death), ...(death.input === undefined ? {} : inputColumns(death.input)) };
  const clean = cleanRow(said);
  return db
    .update(deadLetters)
    .set({
      ...clean,
      ...(clean !== said || death.error.cleaned === true ? { cleaned: true } : {}),
      ...(death.input === undefined ? {} : { originalPayloadData: null }),
      ...(death.ownCode === undefined ? {} : { ownCode: [...death.ownCode] }),
      failedCode: null,
      failedAt: momentAt(death.diedAtMs),
      attempts: sql`${attempts} + ${death.attemptCount}`,
      deaths: sql`${deadLetters.deaths} + 1`,
      status: whenCurrent(sql`'parked'`, status),
      expiresAt: whenCurrent(sql`${sql.param(momentOrNull(death.expiresAtMs), expiresAt)}::timestamptz`, expiresAt),
      retryAt: whenCurrent(sql`null`, retryAt),
      retryWhen: whenCurrent(sql`null`, deadLetters.retryWhen),
      revision: sql`greatest(${revision}, ${death.revision})`,
    })
    .where(eq(deadLetters.id, death.letterId))
    .returning({
      id: deadLetters.id,
      deaths: deadLetters.deaths,
      failedAt: deadLetters.failedAt,
      runId: deadLetters.runId,
      reason: deadLetters.reason,
      category: deadLetters.category,
      errorType: deadLetters.errorType,
      errorMessage: deadLetters.errorMessage,
      payloadData: deadLetters.payloadData,
      causeId: deadLetters.causeId,
    });
}

/** The death was written before; by ourselves, or by the run's own compensation, which leaves the status alone. */
async function parkKnown(db: Db, death: RetryDeath): Promise<void> {
  const { letterId, revision, expiresAtMs } = death;
  const { id, closedAt, causeId } = deadLetters;
  const parked = db.$with("parked").as(
    db
      .update(deadLetters)
      .set({ status: "parked", revision, expiresAt: momentOrNull(expiresAtMs), retryAt: null, retryWhen: null })
      .where(and(eq(id, letterId), lt(deadLetters.revision, revision), isNull(closedAt))),
  );
  const letter = db.$with("letter").as(db.select({ id, causeId }).from(deadLetters).where(eq(id, letterId)));
  await db
    .with(parked, letter, ...tellItem(db, outcomeOf(death)))
    .select()
    .from(letter);
}

function outcomeOf({ redrive, runId }: RetryDeath): ItemOutcome | undefined {
  return redrive === undefined ? undefined : { redrive, state: "died_again", runId };
}

async function recorded(db: Db, death: RetryDeath): Promise<RecordedRow> {
  const { n, runId, diedAt, reason, category, errorType, errorMessage } = deaths;
  const [found] = await db
    .select({ n, runId, diedAt, reason, category, errorType, errorMessage })
    .from(deaths)
    .where(deathIs(death));
  assert(found, `the death of run ${death.runId} is known, but was not found`);
  return found;
}
