import { strict as assert } from "node:assert";
import type { SQL } from "drizzle-orm";
import { and, asc, isNotNull, lt, lte, sql } from "drizzle-orm";
import type { Prune, PruneRule } from "../model/prune.ts";
import type { PrunePlace } from "../model/prune-activities.ts";
import type { Db } from "./database.ts";
import { filterConditions } from "./filter-conditions.ts";
import { momentAt } from "./moments.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";
import { uuids } from "./sql-lists.ts";

/** Closed letters that a rule says are to go. A letter without `keep_until` is kept for ever, but for a rule that says an age. */
export function outOfKeep({ filter, olderThanMs, asOfMs }: PruneRule, namespace: string): SQL[] {
  const { closedAt, keepUntil } = deadLetters;
  return [
    // Says to the planner that `dead_letters_closed` has them all.
    isNotNull(closedAt),
    olderThanMs === null ? lte(keepUntil, momentAt(asOfMs)) : lt(closedAt, momentAt(asOfMs - olderThanMs)),
    ...filterConditions({ ...filter, namespace }, momentAt(asOfMs)),
  ];
}

/**
 * Letters that may go now. Not yet those with an event that has no position: the sequencer numbers a batch as a whole, and one
 * that is deleted under its hands would leave a gap. Nor those that a redrive has still to ask, or to hear of.
 *
 * Indexes: `events_of_letter`, `redrive_items_one_at_a_time`.
 */
export function isFree(): SQL[] {
  return [
    sql`not exists (select from dlo.events e where e.letter_id = ${deadLetters.id} and e.position is null)`,
    sql`not exists (
      select from dlo.redrive_items i join dlo.redrives r on r.id = i.redrive_id and r.ended_at is null
      where i.letter_id = ${deadLetters.id} and i.state in ('behind', 'waiting', 'running'))`,
  ];
}

export type PrunedBatch = {
  readonly letters: number;
  /** Absent: there is nothing behind it. */
  readonly after?: PrunePlace;
};

/**
 * Deletes the next letters that a prune may delete, in the order of closing, with their deaths, attempts and events; and counts
 * them in its row, in the same statement. What others lock is passed over, so offices that overlap share them out.
 *
 * Deaths stay counted over time and by build: they happened. Letters are counted out, by the trigger of `dead_letters`.
 *
 * 500 letters take about 30 ms. Index: `dead_letters_closed`; where the filter fits few, it is read up to the last of them.
 */
export async function pruneBatch(db: Db, prune: Prune, namespace: string, after?: PrunePlace): Promise<PrunedBatch> {
  const { id, closedAt } = deadLetters;
  return await translatingErrors(
    db,
    async () =>
      await db.transaction(
        async (tx) => {
          const found = await tx
            .select({ id, closedAt })
            .from(deadLetters)
            .where(and(...outOfKeep(prune, namespace), ...isFree(), ...(after === undefined ? [] : [isBehind(after)])))
            .orderBy(asc(closedAt), asc(id))
            .limit(prune.batch)
            .for("update", { skipLocked: true });
          const last = found.at(-1);
          if (!last?.closedAt) return { letters: 0 };
          const [gone] = await tx.execute<{ letters: number }>(
            deleteAndCount(
              prune.id,
              found.map((letter) => letter.id),
            ),
          );
          assert(gone !== undefined, `prune ${prune.id} has ended, or never begun, so it deletes nothing`);
          return {
            letters: gone.letters,
            ...(found.length < prune.batch ? {} : { after: { closedAtMs: last.closedAt.getTime(), id: last.id } }),
          };
        },
        // The second statement must see what was written before the letters were locked.
        { isolationLevel: "read committed" },
      ),
  );
}

/** Looks at the events once more: one may have been written just before the lock, and none can be since. */
function deleteAndCount(pruneId: string, letterIds: readonly string[]): SQL {
  return sql`
    with gone as (
      delete from dlo.dead_letters l
      where l.id = any(${uuids(letterIds)})
        and not exists (select from dlo.events e where e.letter_id = l.id and e.position is null)
      returning l.closed_at
    )
    update dlo.prunes p
    set letters = p.letters + g.letters, oldest_closed_at = least(p.oldest_closed_at, g.oldest),
      newest_closed_at = greatest(p.newest_closed_at, g.newest)
    from (select count(*)::int as letters, min(closed_at) as oldest, max(closed_at) as newest from gone) as g
    where p.id = ${pruneId} and p.ended_at is null
    returning g.letters`;
}

function isBehind({ closedAtMs, id }: PrunePlace): SQL {
  const { closedAt } = deadLetters;
  const at = sql.param(momentAt(closedAtMs), closedAt);
  return sql`(${closedAt} >= ${at} and (${closedAt}, ${deadLetters.id}) > (${at}, ${id}::uuid))`;
}
