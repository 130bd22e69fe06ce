import { asc, desc, eq, gt } from "drizzle-orm";
import type { Db } from "./database.ts";
import type { EventRow } from "./rows.ts";
import { deadLetters, events } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** An event with what is needed to say it in a line. */
export type RecentEvent = EventRow & {
  readonly job: string;
  readonly errorType: string;
  readonly errorMessage: string;
};

/**
 * Events in the order in which they were written, to watch by: one that commits late may be missed. Indexes: the primary keys.
 *
 * @param afterId the last one seen
 */
export async function recentEvents(db: Db, afterId: number, rows: number): Promise<RecentEvent[]> {
  const { job, errorType, errorMessage } = deadLetters;
  return await translatingErrors(db, async () => {
    const found = await db
      .select({ event: events, job, errorType, errorMessage })
      .from(events)
      .innerJoin(deadLetters, eq(deadLetters.id, events.letterId))
      .where(gt(events.id, afterId))
      .orderBy(asc(events.id))
      .limit(rows);
    return found.map(({ event, ...letter }) => ({ ...event, ...letter }));
  });
}

/** The id of the newest event; 0 where there is none. */
export async function lastEventId(db: Db): Promise<number> {
  return await translatingErrors(db, async () => {
    const [last] = await db.select({ id: events.id }).from(events).orderBy(desc(events.id)).limit(1);
    return last?.id ?? 0;
  });
}
