import { and, desc, eq, gte, inArray } from "drizzle-orm";
import { isOpen, type Status, statuses } from "../model/status.ts";
import type { Db } from "./database.ts";
import { events } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

const closings: readonly string[] = statuses.filter((status: Status) => !isOpen(status));

/** Whether a letter's own story ends with its closing: nobody has changed its row by hand since. Index: `events_of_letter`. */
export async function hasClosedItself(db: Db, letterId: string): Promise<boolean> {
  return await translatingErrors(db, async () => {
    const [last] = await db
      .select({ type: events.type })
      .from(events)
      .where(and(eq(events.letterId, letterId), inArray(events.type, [...statuses, "reopened", "settled"] as never[])))
      .orderBy(desc(events.id))
      .limit(1);
    return last !== undefined && closings.includes(last.type);
  });
}

/** Whether somebody has taken a letter up since then, by opening it again or by bringing it here. Index: `events_of_letter`. */
export async function wasTakenUpSince(db: Db, letterId: string, sinceMs: number): Promise<boolean> {
  return await translatingErrors(db, async () => {
    const found = await db
      .select({ id: events.id })
      .from(events)
      .where(
        and(
          eq(events.letterId, letterId),
          inArray(events.type, ["reopened", "imported"]),
          gte(events.at, new Date(sinceMs)),
        ),
      )
      .limit(1);
    return found.length > 0;
  });
}
