import { asc, between } from "drizzle-orm";
import { letterAmbiguous, letterNotFound } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** Whether this is an id as it stands in the tables, not a short one. */
export function isWholeId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/**
 * The id of the one letter whose id begins so. At least 4 characters; dashes may be left out. Index: the primary key.
 *
 * @throws {OfficeError} `LETTER_NOT_FOUND`, `LETTER_AMBIGUOUS` with the first five that it fits
 */
export async function resolvePrefix(db: Db, prefix: string): Promise<string> {
  const digits = prefix.replaceAll("-", "");
  if (!/^[0-9a-f]{4,32}$/i.test(digits)) throw letterNotFound(prefix);
  return await translatingErrors(db, async () => {
    const found = await db
      .select({ id: deadLetters.id })
      .from(deadLetters)
      .where(between(deadLetters.id, digits.padEnd(32, "0"), digits.padEnd(32, "f")))
      .orderBy(asc(deadLetters.id))
      .limit(shownMatches + 1);
    if (found.length > 1) throw letterAmbiguous(prefix, matches(found.map(({ id }) => id)));
    if (found[0] === undefined) throw letterNotFound(prefix);
    return found[0].id;
  });
}

const shownMatches = 5;

function matches(ids: readonly string[]): readonly string[] {
  return ids.length > shownMatches ? [...ids.slice(0, shownMatches), "…"] : ids;
}
