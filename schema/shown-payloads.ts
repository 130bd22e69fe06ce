import { desc, eq } from "drizzle-orm";
import type { Db } from "./database.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** The payloads of a job's newest 20 letters, as their rows show them: what is redacted there is to be hidden elsewhere. Index: `dead_letters_by_job`. */
export async function shownPayloads(db: Db, job: string): Promise<unknown[]> {
  const { payload, failedAt, id } = deadLetters;
  return await translatingErrors(db, async () => {
    const rows = await db
      .select({ payload })
      .from(deadLetters)
      .where(eq(deadLetters.job, job))
      .orderBy(desc(failedAt), desc(id))
      .limit(20);
    return rows.map((row) => row.payload);
  });
}
