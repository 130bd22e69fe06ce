import { and, asc, desc, eq, getTableColumns, gte, inArray, isNull, min } from "drizzle-orm";
import type { Db } from "./database.ts";
import type { AttemptRow, DeathRow, EventRow } from "./rows.ts";
import { attempts, deaths, events } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

export type LetterStory = {
  /** In order, each with those of its attempts that are known one by one. */
  readonly deaths: readonly (DeathRow & { readonly attemptRows: readonly AttemptRow[] })[];
  /** In the order in which they were written. */
  readonly events: readonly EventRow[];
  /** What happened meanwhile to the causes that it died of, in order: the newest 100. */
  readonly causeEvents: readonly EventRow[];
};

/**
 * All that happened to a letter; empty where there is none of that id. Indexes: `deaths_in_order`, `attempts_in_order`,
 * `events_of_letter`, `events_of_cause`.
 */
export async function letterStory(db: Db, letterId: string): Promise<LetterStory> {
  const { payloadData: _, ...deathColumns } = getTableColumns(deaths);
  return await translatingErrors(db, async () => {
    const [deathRows, attemptRows, eventRows, causeRows] = await Promise.all([
      db.select(deathColumns).from(deaths).where(eq(deaths.letterId, letterId)).orderBy(asc(deaths.n)),
      db.select().from(attempts).where(eq(attempts.letterId, letterId)).orderBy(asc(attempts.deathN), asc(attempts.n)),
      db.select().from(events).where(eq(events.letterId, letterId)).orderBy(asc(events.id)),
      eventsOfCauses(db, letterId),
    ]);
    const ofDeath = (n: number) => attemptRows.filter(({ deathN }) => deathN === n);
    return {
      deaths: deathRows.map((death) => ({ ...death, attemptRows: ofDeath(death.n) })),
      events: eventRows,
      causeEvents: causeRows.toReversed(),
    };
  });
}

async function eventsOfCauses(db: Db, letterId: string): Promise<EventRow[]> {
  const own = eq(deaths.letterId, letterId);
  return await db
    .select()
    .from(events)
    .where(
      and(
        isNull(events.letterId),
        inArray(events.causeId, db.select({ id: deaths.causeId }).from(deaths).where(own)),
        gte(
          events.at,
          db
            .select({ at: min(deaths.diedAt) })
            .from(deaths)
            .where(own),
        ),
      ),
    )
    .orderBy(desc(events.id))
    .limit(100);
}
