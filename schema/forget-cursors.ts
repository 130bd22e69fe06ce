import { and, notInArray, sql } from "drizzle-orm";
import type { Db } from "./database.ts";
import { cursors } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/**
 * Forgets the places of followers named so and with one word more, but for these: one that comes again begins with the events
 * to come. What another office of the name follows moves on, so it is forgotten only when events have passed it by for a day.
 *
 * @param prefix ends with a slash; names with another one behind it are others'
 */
export async function forgetCursors(db: Db, prefix: string, kept: readonly string[]): Promise<void> {
  const rest = sql`substr(${cursors.name}, length(${prefix}) + 1)`;
  const named = sql`starts_with(${cursors.name}, ${prefix}) and strpos(${rest}, '/') = 0`;
  const leftBehind = sql`${cursors.movedAt} < now() - interval '1 day' and ${cursors.position} < (select last_position from dlo.office)`;
  await translatingErrors(db, async () => {
    await db
      .delete(cursors)
      .where(and(named, leftBehind, kept.length === 0 ? undefined : notInArray(cursors.name, [...kept])));
  });
}
