import { eq } from "drizzle-orm";
import type { Db } from "./database.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** The job of a letter; "" where there is no such letter. Index: the primary key. */
export async function jobOf(db: Db, letterId: string): Promise<string> {
  return await translatingErrors(db, async () => {
    const [letter] = await db.select({ job: deadLetters.job }).from(deadLetters).where(eq(deadLetters.id, letterId));
    return letter?.job ?? "";
  });
}
