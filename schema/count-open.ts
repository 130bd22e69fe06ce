import { count, isNull } from "drizzle-orm";
import type { openStatuses } from "../model/status.ts";
import type { Db } from "./database.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

export type OpenCounts = Readonly<Record<(typeof openStatuses)[number], number>>;

/** How many letters are open. Reads all of them, from the index `dead_letters_open_newest` alone. */
export async function countOpen(db: Db): Promise<OpenCounts> {
  const { status, closedAt } = deadLetters;
  return await translatingErrors(db, async () => {
    const rows = await db
      .select({ status, letters: count() })
      .from(deadLetters)
      .where(isNull(closedAt))
      .groupBy(status);
    const of = (wanted: keyof OpenCounts) => rows.find((row) => row.status === wanted)?.letters ?? 0;
    return { parked: of("parked"), retrying: of("retrying") };
  });
}
