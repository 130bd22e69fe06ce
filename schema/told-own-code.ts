import { and, eq, gte, inArray } from "drizzle-orm";
import type { Db } from "./database.ts";
import type { LetterHead } from "./rows.ts";
import { events } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** Whether the job's own code has been run, or dropped, since its last death. Index: `events_of_letter`. */
export async function hasToldOwnCode(
  db: Db,
  { id, ownCode, failedAt }: Pick<LetterHead, "id" | "ownCode" | "failedAt">,
): Promise<boolean> {
  if (!ownCode.includes("onDead")) return true;
  return await translatingErrors(db, async () => {
    const found = await db
      .select({ type: events.type })
      .from(events)
      .where(
        and(
          eq(events.letterId, id),
          inArray(events.type, ["code_ran", "code_failed", "code_dropped"]),
          gte(events.at, failedAt),
        ),
      )
      .limit(1);
    return found.length > 0;
  });
}
