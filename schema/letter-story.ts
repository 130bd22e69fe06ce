import { asc, eq, getTableColumns } from "drizzle-orm";
import type { Db } from "./database.ts";
import type { AttemptRow, DeathRow, EventRow } from "./rows.ts";
import { attempts, deaths, events } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

export type LetterStory = {
  /** In order, each with those of its attempts that are known one by one. */
  readonly deaths: readonly (DeathRow & { readonly attemptRows: readonly AttemptRow[] })[];
  /** In the order in which they were written. */
  readonly events: readonly EventRow[];
};

/** All that happened to a letter; empty where there is none of that id. Indexes: `deaths_in_order`, `attempts_in_order`, `events_of_letter`. */
export async function letterStory(db: Db, letterId: string): Promise<LetterStory> {
  const { payloadData: _, ...deathColumns } = getTableColumns(deaths);
  return await translatingErrors(db, async () => {
    const [deathRows, attemptRows, eventRows] = await Promise.all([
      db.select(deathColumns).from(deaths).where(eq(deaths.letterId, letterId)).orderBy(asc(deaths.n)),
      db.select().from(attempts).where(eq(attempts.letterId, letterId)).orderBy(asc(attempts.deathN), asc(attempts.n)),
      db.select().from(events).where(eq(events.letterId, letterId)).orderBy(asc(events.id)),
    ]);
    const ofDeath = (n: number) => attemptRows.filter(({ deathN }) => deathN === n);
    return { deaths: deathRows.map((death) => ({ ...death, attemptRows: ofDeath(death.n) })), events: eventRows };
  });
}
