import { eq } from "drizzle-orm";
import type { Db } from "./database.ts";
import { type LetterHead, letterHeadColumns } from "./rows.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** What is small of a letter, by its whole id; undefined where there is none. Index: the primary key. */
export async function letterHead(db: Db, id: string): Promise<LetterHead | undefined> {
  return await translatingErrors(db, async () => {
    const [found] = await db.select(letterHeadColumns).from(deadLetters).where(eq(deadLetters.id, id));
    return found;
  });
}
