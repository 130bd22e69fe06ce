import { and, desc, eq, inArray } from "drizzle-orm";
import { letterNotFound } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { lettersOfJob } from "./letters-of-job.ts";
import { isWholeId, resolvePrefix } from "./resolve-prefix.ts";
import type { LetterRow } from "./rows.ts";
import { letterColumns } from "./rows.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

export type NamedLetter = {
  /** Where a job is meant by its workflow id: of this namespace alone. */
  readonly namespace?: string;
};

/**
 * The letter that somebody names: by its id, by its job's workflow id (the newest letter then), or by 4 or more characters
 * that its id alone begins with.
 *
 * Indexes: the primary key, `deaths_once`.
 *
 * @throws {OfficeError} `LETTER_NOT_FOUND`, `LETTER_AMBIGUOUS`
 */
export async function getLetter(db: Db, name: string, options: NamedLetter = {}): Promise<LetterRow> {
  return await translatingErrors(db, async () => {
    const letter = (isWholeId(name) ? await byId(db, name) : undefined) ?? (await newestOfJob(db, name, options));
    if (letter !== undefined) return letter;
    const found = await byId(db, await resolvePrefix(db, name));
    if (found === undefined) throw letterNotFound(name);
    return found;
  });
}

async function byId(db: Db, id: string): Promise<LetterRow | undefined> {
  const [letter] = await db.select(letterColumns).from(deadLetters).where(eq(deadLetters.id, id));
  return letter;
}

async function newestOfJob(db: Db, workflowId: string, { namespace }: NamedLetter): Promise<LetterRow | undefined> {
  const [letter] = await db
    .select(letterColumns)
    .from(deadLetters)
    .where(
      and(
        inArray(deadLetters.id, lettersOfJob(db, workflowId)),
        namespace === undefined ? undefined : eq(deadLetters.namespace, namespace),
      ),
    )
    .orderBy(desc(deadLetters.failedAt), desc(deadLetters.id))
    .limit(1);
  return letter;
}
