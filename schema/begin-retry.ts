import { and, eq, isNotNull, isNull, lt, sql } from "drizzle-orm";
import type { Category } from "../model/category.ts";
import type { BeginRetry } from "../model/letter-activities.ts";
import type { Reason } from "../model/reason.ts";
import { appendEvents } from "./append-events.ts";
import type { Db } from "./database.ts";
import type { NewPayload } from "./run-input.ts";
import { amendedColumns } from "./run-input.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** A retry that is about to start, with its new input as the tables keep it. */
export type AskedRetry = Omit<BeginRetry, "amendment"> & {
  readonly amendment?: NewPayload;
  /** It goes on within a run that has its input. */
  readonly needsNoInput?: true;
};

const { id, namespace, workflowId, workflowType, taskQueue, job, queue, status, revision } = deadLetters;
const { payloadData, payloadOmitted, memoData, headers, key, idempotencyKey, batch, traceId, deaths, retries } =
  deadLetters;

/** What a new run needs of the letter. */
const retryColumns = {
  ...{ id, namespace, workflowId, workflowType, taskQueue, job, queue, status, revision },
  ...{ payloadData, payloadOmitted, memoData, headers, key, idempotencyKey, batch, traceId, deaths, retries },
};

/** Deaths of one kind, of a letter. */
export type EarlierDeath = {
  readonly reason: Reason;
  readonly category: Category;
  readonly errorType: string;
  readonly count: number;
  readonly lastAt: string;
};

export type RetryMaterial = Pick<typeof deadLetters.$inferSelect, keyof typeof retryColumns> & {
  /** Latest first, at most 20 kinds; none where somebody asked for the retry. */
  readonly earlierDeaths: readonly EarlierDeath[];
};

/** Named by the table: in a list of what comes back, `id` alone would be the death's. */
const earlierDeaths = sql<readonly EarlierDeath[]>`(
  select coalesce(json_agg(d order by d."lastAt" desc), '[]') from (
    select reason, category, error_type as "errorType", count(*)::int as count, max(died_at) as "lastAt"
    from dlo.deaths where letter_id = dead_letters.id group by 1, 2, 3 order by 5 desc limit 20
  ) as d)`;

/**
 * Records that a retry was asked for, with its amendment, and hands out what the new run needs; in one statement. A repeat
 * writes nothing and hands out the same, and so does a letter that has no input to run with. Undefined: there is no such letter.
 */
export async function beginRetry(db: Db, ask: AskedRetry): Promise<RetryMaterial | undefined> {
  // The letter takes a retry without input for refused, and its next projection for newer than the row.
  const columns = {
    ...retryColumns,
    earlierDeaths: (ask.automatic === true ? earlierDeaths : sql<readonly EarlierDeath[]>`'[]'::json`).as(
      "earlier_deaths",
    ),
  };
  const hasInput = ask.amendment === undefined && ask.needsNoInput !== true ? isNotNull(payloadData) : undefined;
  return await translatingErrors(db, async () => {
    const letter = db.$with("letter").as(
      db
        .update(deadLetters)
        .set({ revision: ask.revision, ...amendedColumns(ask.amendment) })
        .where(and(eq(id, ask.letterId), lt(revision, ask.revision), isNull(deadLetters.closedAt), hasInput))
        .returning(columns),
    );
    const [written] = await db
      .with(letter, ...appendEvents(db, [ask.event], ask.revision))
      .select()
      .from(letter);
    if (written !== undefined) return written;
    const [found] = await db.select(columns).from(deadLetters).where(eq(id, ask.letterId));
    return found;
  });
}
