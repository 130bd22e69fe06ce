import { and, notInArray, sql } from "drizzle-orm";
import type { Db } from "./database.ts";
import { cursors } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** Forgets the places of followers whose names begin so, but for these: one that comes again begins with the events to come. */
export async function forgetCursors(db: Db, prefix: string, kept: readonly string[]): Promise<void> {
  const named = sql`starts_with(${cursors.name}, ${prefix})`;
  await translatingErrors(db, async () => {
    await db.delete(cursors).where(and(named, kept.length === 0 ? undefined : notInArray(cursors.name, [...kept])));
  });
}
