import { and, eq, isNotNull, isNull, lt } from "drizzle-orm";
import type { BeginRetry } from "../model/letter-activities.ts";
import { appendEvents } from "./append-events.ts";
import type { Db } from "./database.ts";
import type { NewPayload } from "./run-input.ts";
import { amendedColumns } from "./run-input.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** A retry that is about to start, with its new input as the tables keep it. */
export type AskedRetry = Omit<BeginRetry, "amendment"> & { readonly amendment?: NewPayload };

const { id, namespace, workflowId, workflowType, taskQueue, job, queue, status, revision } = deadLetters;
const { payloadData, payloadOmitted, memoData, headers, key, idempotencyKey, batch, traceId, deaths, retries } =
  deadLetters;

/** What a new run needs of the letter. */
const retryColumns = {
  ...{ id, namespace, workflowId, workflowType, taskQueue, job, queue, status, revision },
  ...{ payloadData, payloadOmitted, memoData, headers, key, idempotencyKey, batch, traceId, deaths, retries },
};

export type RetryMaterial = Pick<typeof deadLetters.$inferSelect, keyof typeof retryColumns>;

/**
 * Records that a retry was asked for, with its amendment, and hands out what the new run needs; in one statement. A repeat
 * writes nothing and hands out the same, and so does a letter that has no input to run with. Undefined: there is no such letter.
 */
export async function beginRetry(db: Db, ask: AskedRetry): Promise<RetryMaterial | undefined> {
  // The letter takes a retry without input for refused, and its next projection for newer than the row.
  const hasInput = ask.amendment === undefined ? isNotNull(payloadData) : undefined;
  return await translatingErrors(db, async () => {
    const letter = db.$with("letter").as(
      db
        .update(deadLetters)
        .set({ revision: ask.revision, ...amendedColumns(ask.amendment) })
        .where(and(eq(id, ask.letterId), lt(revision, ask.revision), isNull(deadLetters.closedAt), hasInput))
        .returning(retryColumns),
    );
    const [written] = await db
      .with(letter, ...appendEvents(db, [ask.event], ask.revision))
      .select()
      .from(letter);
    if (written !== undefined) return written;
    const [found] = await db.select(retryColumns).from(deadLetters).where(eq(id, ask.letterId));
    return found;
  });
}
