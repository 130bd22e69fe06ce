import { and, desc, eq, isNull } from "drizzle-orm";
import type { Filter } from "../model/filter.ts";
import { causeNotFound } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { type Cause, causesById } from "./list-causes.ts";
import { resolveCause } from "./resolve-cause.ts";
import type { EventRow } from "./rows.ts";
import { events } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** A cause with its own history. */
export type CauseStory = Cause & {
  /** What happened to the cause itself, in order; the newest 100. */
  readonly events: readonly EventRow[];
};

/**
 * A cause, by its id or by 4 or more characters that its id alone begins with. Index: `events_of_cause`.
 *
 * @param filter of the letters that are counted
 * @throws {OfficeError} `CAUSE_NOT_FOUND`, `CAUSE_AMBIGUOUS`
 */
export async function getCause(db: Db, idOrPrefix: string, filter: Filter = {}): Promise<CauseStory> {
  const id = await resolveCause(db, idOrPrefix);
  return await translatingErrors(db, async () => {
    const [[cause], newest] = await Promise.all([
      causesById(db, [id], filter),
      db
        .select()
        .from(events)
        .where(and(eq(events.causeId, id), isNull(events.letterId)))
        .orderBy(desc(events.id))
        .limit(100),
    ]);
    if (cause === undefined) throw causeNotFound(idOrPrefix);
    return { ...cause, events: newest.toReversed() };
  });
}
