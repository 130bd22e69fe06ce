import type { SQL } from "drizzle-orm";
import { and, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Category } from "../model/category.ts";
import type { Reason } from "../model/reason.ts";
import type { Status } from "../model/status.ts";
import { isOpen } from "../model/status.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { lettersOfJob } from "./letters-of-job.ts";
import type { LetterRow } from "./rows.ts";
import { letterColumns } from "./rows.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** Letters that have exactly this. What is absent doesn't matter. */
export type LetterFilter = {
  readonly namespace?: string;
  readonly job?: string;
  readonly queue?: string;
  readonly status?: Status;
  readonly category?: Category;
  readonly reason?: Reason;
  readonly key?: string;
  /** The job's workflow id. */
  readonly workflowId?: string;
};

/** Where a page ended: the last letter on it. */
export type LetterCursor = Pick<LetterRow, "failedAt" | "id">;

export type LetterPage = {
  /** At most so many rows. @default 50 @maximum 1000 */
  readonly rows?: number;
  /** The page after this one. Found by key, so rows that arrive meanwhile are neither skipped nor doubled; one that dies again moves up. */
  readonly after?: LetterCursor;
};

/**
 * A page of letters, newest failure first.
 *
 * Indexes: `dead_letters_newest`, or `dead_letters_open_newest`, `dead_letters_by_job`, `_by_queue`, `_by_key`, `deaths_once`
 * for what they are named for. A filter that few letters pass, but for these, reads many rows.
 */
export async function listLetters(db: Db, filter: LetterFilter = {}, page: LetterPage = {}): Promise<LetterRow[]> {
  const { rows = 50, after } = page;
  const { failedAt, id } = deadLetters;
  return await translatingErrors(
    db,
    async () =>
      await db
        .select(letterColumns)
        .from(deadLetters)
        .where(
          and(
            ...conditions(db, filter),
            after && sql`(${failedAt}, ${id}) < (${sql.param(after.failedAt, failedAt)}, ${sql.param(after.id, id)})`,
          ),
        )
        .orderBy(desc(failedAt), desc(id))
        .limit(Math.min(rows, 1000)),
  );
}

/** Only what was asked for: one statement for all filters ("$1 is null or …") has a plan that reads the whole table. */
function conditions(db: Db, filter: LetterFilter): SQL[] {
  const { status, category, reason } = filter;
  const { namespace, job, queue, key, workflowId } = cleanRow(filter);
  const asked: SQL[] = [];
  if (namespace !== undefined) asked.push(eq(deadLetters.namespace, namespace));
  if (job !== undefined) asked.push(eq(deadLetters.job, job));
  if (queue !== undefined) asked.push(eq(deadLetters.queue, queue));
  if (status !== undefined) asked.push(statusIs(status));
  if (category !== undefined) asked.push(eq(deadLetters.category, category));
  if (reason !== undefined) asked.push(eq(deadLetters.reason, reason));
  if (key !== undefined) asked.push(eq(deadLetters.key, key));
  if (workflowId !== undefined) asked.push(inArray(deadLetters.id, lettersOfJob(db, workflowId)));
  return asked;
}

/** An open status is only proved to be in the index of open letters by saying so. */
function statusIs(status: Status): SQL {
  const is = eq(deadLetters.status, status);
  return isOpen(status) ? sql`${is} and ${isNull(deadLetters.closedAt)}` : is;
}
