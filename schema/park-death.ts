import { strict as assert } from "node:assert";
import type { SQL, WithSubquery } from "drizzle-orm";
import { eq, isNull, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { v7 as uuidv7 } from "uuid";
import type { SupersededBy } from "../model/contract.ts";
import type { LetterEvent } from "../model/event.ts";
import type { OwnPolicy, QueuePolicy } from "../model/queue-policy.ts";
import type { ClosedStatus } from "../model/status.ts";
import { appendDeath, deathIs, errorColumns } from "./append-death.ts";
import { appendEvents } from "./append-events.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import type { Kind } from "./kinds.ts";
import { momentAt, momentOrNull, spanOrNull } from "./moments.ts";
import type { LetterHead } from "./rows.ts";
import { letterHeadColumns } from "./rows.ts";
import type { RunDeath } from "./run-death.ts";
import type { RunInput } from "./run-input.ts";
import { inputColumns } from "./run-input.ts";
import { deadLetters, deaths } from "./tables.ts";
import { translatingErrors, violatedConstraint } from "./translate-error.ts";

/** All that the tables need of a run that died. Text may hold what Postgres refuses: it is replaced, and the letter marked as `cleaned`. */
export type ParkedDeath = RunDeath &
  RunInput & {
    /** Of the letter that it had before its row was lost; no other has it. @default a new one */
    readonly letterId?: string;
    /** That letter has closed long since; whichever one of the job is open is another one. @default it is open */
    readonly closed?: { readonly status: ClosedStatus; readonly atMs: number };
    readonly kind: Kind;
    readonly job: string;
    readonly workflowType: string;
    readonly taskQueue: string;
    readonly startedBy?: string;
    readonly source?: unknown;
    /** What is to stand in the letter's story beside this death. */
    readonly event?: LetterEvent;
    /** The rest is the policy of a new letter; an open one keeps its own. */
    readonly queue: string;
    readonly tags: readonly string[];
    readonly policy: QueuePolicy;
    /** What of it goes before its queue's rules. @default nothing */
    readonly ownPolicy?: OwnPolicy;
    /** @default "id" */
    readonly supersededBy?: SupersededBy;
    readonly expiresAtMs: number | null;
  };

export type ParkedLetter = {
  readonly letter: LetterHead;
  /** It was written now; otherwise an open one took the death, or it was known. */
  readonly isNew: boolean;
  /** The same death had been written before, and nothing was changed. */
  readonly deathKnown: boolean;
};

/**
 * Writes a death to the job's open letter, or to a new one where none is open. A repeat of the same death, also a concurrent
 * one, returns its letter, open or closed.
 *
 * An open letter gets the death's error and the run's input, but keeps its status, revision, clock and policy: those are
 * its workflow's. All in one statement, so do not call it in a transaction that has to go on after a repeat.
 *
 * Indexes: `dead_letters_one_open`, `deaths_once`.
 */
export async function parkDeath(db: Db, death: ParkedDeath): Promise<ParkedLetter> {
  return await translatingErrors(db, async () => {
    try {
      const letter = db.$with("letter").as(upsertLetter(db, death));
      const parts: WithSubquery[] = [
        letter,
        ...appendDeath(db, death, death.payloadData),
        ...appendEvents(db, death.event === undefined ? [] : [death.event], 0, "told"),
      ];
      const [written] = await db
        .with(...parts)
        .select()
        .from(letter);
      assert(written, `the death of run ${death.runId} was written, but no letter came back`);
      return { letter: written, isNew: written.deaths === 1, deathKnown: false };
    } catch (error) {
      if (violatedConstraint(error) !== "deaths_once") throw error;
      return { letter: await letterOfDeath(db, death), isNew: false, deathKnown: true };
    }
  });
}

function upsertLetter(db: Db, death: ParkedDeath) {
  // Both sides of a race for the same workflow id come through here: Postgres lets the later one wait, then update.
  return db
    .insert(deadLetters)
    .values(newLetter(death))
    .onConflictDoUpdate({
      target: [deadLetters.namespace, deadLetters.workflowId],
      targetWhere: isNull(deadLetters.closedAt),
      set: {
        ...newest(death.found === undefined),
        // Whoever has nothing to say of where it comes from leaves what is known.
        source: sql`coalesce(excluded.source, ${deadLetters.source})`,
        attempts: sql`${deadLetters.attempts} + excluded.attempts`,
        deaths: sql`${deadLetters.deaths} + 1`,
        cleaned: sql`${deadLetters.cleaned} or excluded.cleaned`,
      },
    })
    .returning(letterHeadColumns);
}

/** What an open letter takes over from a run that died anew. */
const newestRunColumns = [
  "runId",
  "workflowType",
  "taskQueue",
  "job",
  "reason",
  "category",
  "errorType",
  "errorMessage",
  "causeId",
  "stackTrace",
  "failure",
  "payload",
  "payloadData",
  "payloadOmitted",
  "memoData",
  "headers",
  "key",
  "idempotencyKey",
  "failedAt",
  "buildId",
  "workerIdentity",
  "batch",
  "traceId",
  "ownCode",
  "failedCode",
] as const satisfies readonly (keyof typeof deadLetters.$inferInsert)[];

/** @param isNewest whether it has died just now. What was found may be older than what its letter has heard of since. */
function newest(isNewest: boolean) {
  const { failedAt, originalPayloadData } = deadLetters;
  const unlessOlder = (value: SQL, column: AnyPgColumn) =>
    isNewest ? value : sql`case when excluded.failed_at >= ${failedAt} then ${value} else ${column} end`;
  return {
    ...Object.fromEntries(
      newestRunColumns.map((key) => {
        const column = deadLetters[key];
        return [key, unlessOlder(sql`excluded.${sql.identifier(column.name)}`, column)];
      }),
    ),
    originalPayloadData: unlessOlder(sql`null`, originalPayloadData),
  };
}

/** A queue's policy as a letter's row keeps it. */
export function policyColumns({ retentionMs, keepForMs, ...policy }: QueuePolicy) {
  return { ...policy, retentionMs: spanOrNull(retentionMs), keepForMs: spanOrNull(keepForMs) };
}

function newLetter(death: ParkedDeath) {
  const said = {
    id: death.letterId ?? uuidv7(),
    namespace: death.namespace,
    workflowId: death.workflowId,
    workflowType: death.workflowType,
    taskQueue: death.taskQueue,
    kind: death.kind,
    job: death.job,
    queue: death.queue,
    status: death.closed?.status ?? ("parked" as const),
    closedAt: momentOrNull(death.closed?.atMs),
    ...errorColumns(death),
    ...inputColumns(death),
    attempts: death.attemptCount,
    firstFailedAt: momentAt(death.diedAtMs),
    failedAt: momentAt(death.diedAtMs),
    expiresAt: momentOrNull(death.closed === undefined ? death.expiresAtMs : null),
    startedBy: death.startedBy ?? null,
    source: death.source ?? null,
    tags: [...death.tags],
    ownPolicy: death.ownPolicy ?? {},
    ownCode: [...(death.ownCode ?? [])],
    supersededBy: death.supersededBy ?? "id",
    ...policyColumns(death.policy),
  };
  const clean = cleanRow(said);
  return { ...clean, cleaned: clean !== said || death.error.cleaned === true };
}

async function letterOfDeath(db: Db, death: ParkedDeath): Promise<LetterHead> {
  const [letter] = await db
    .select(letterHeadColumns)
    .from(deadLetters)
    .innerJoin(deaths, eq(deaths.letterId, deadLetters.id))
    .where(deathIs(death));
  assert(letter, `the death of run ${death.runId} is known, but its letter was not found`);
  return letter;
}
