import type { SQL } from "drizzle-orm";
import { and, desc, eq, ne } from "drizzle-orm";
import type { Db } from "./database.ts";
import type { LetterRow } from "./rows.ts";
import { letterColumns } from "./rows.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** `cause`: died of the same cause; `error`: another cause, but the same job and type of error. */
export type Likeness = "cause" | "error";

export type SimilarLetter = { readonly letter: LetterRow; readonly likeness: Likeness };

/**
 * Other letters like this one, open and closed, of its namespace: those of its cause, newest failure first, then, where there
 * is room, those of its job with its type of error.
 *
 * Indexes: `dead_letters_by_cause`, `dead_letters_by_job`. Of each it reads at most the newest 5,000 entries, so that what is
 * rare among them cannot make it slow; older ones are not found.
 */
export async function similarLetters(db: Db, like: LetterRow, rows: number): Promise<SimilarLetter[]> {
  const { causeId, errorType } = like;
  return await translatingErrors(db, async () => {
    const ofCause = await newestOthers(db, like, rows, eq(deadLetters.causeId, causeId));
    const rest = rows - ofCause.length;
    const ofError =
      rest === 0
        ? []
        : await newestOthers(db, like, rest, eq(deadLetters.job, like.job), (read) =>
            and(eq(read.errorType, errorType), ne(read.causeId, causeId)),
          );
    return [
      ...ofCause.map((letter) => ({ letter, likeness: "cause" as const })),
      ...ofError.map((letter) => ({ letter, likeness: "error" as const })),
    ];
  });
}

const mostEntries = 5000;

/** @param indexed what an index finds, newest first; @param further what only the rows tell */
async function newestOthers(
  db: Db,
  { id, namespace }: LetterRow,
  rows: number,
  indexed: SQL,
  further: (read: typeof letterColumns) => SQL | undefined = () => undefined,
): Promise<LetterRow[]> {
  // The bound is on what is read, not on what is found.
  const read = db
    .select(letterColumns)
    .from(deadLetters)
    .where(indexed)
    .orderBy(desc(deadLetters.failedAt), desc(deadLetters.id))
    .limit(mostEntries)
    .as("read");
  const found: LetterRow[] = await db
    .select()
    .from(read)
    .where(and(eq(read.namespace, namespace), ne(read.id, id), further(read as never)))
    .orderBy(desc(read.failedAt), desc(read.id))
    .limit(rows);
  return found;
}
