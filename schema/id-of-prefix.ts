import { asc, between } from "drizzle-orm";
import type { OfficeError } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import type { causes, deadLetters, redrives } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

type Errors = {
  readonly notFound: (given: string) => OfficeError;
  readonly ambiguous: (given: string, matches: readonly string[]) => OfficeError;
};

/**
 * The one id of a table that begins so. At least 4 characters; dashes may be left out. Index: the primary key.
 *
 * @throws what `errors` make of none, and of several, with the first five
 */
export async function idOfPrefix(
  db: Db,
  table: typeof causes | typeof deadLetters | typeof redrives,
  prefix: string,
  { notFound, ambiguous }: Errors,
): Promise<string> {
  const digits = prefix.replaceAll("-", "");
  if (!/^[0-9a-f]{4,32}$/i.test(digits)) throw notFound(prefix);
  return await translatingErrors(db, async () => {
    const found = await db
      .select({ id: table.id })
      .from(table)
      .where(between(table.id, digits.padEnd(32, "0"), digits.padEnd(32, "f")))
      .orderBy(asc(table.id))
      .limit(shownMatches + 1);
    const ids = found.map(({ id }) => id);
    const [only, second] = ids;
    if (only === undefined) throw notFound(prefix);
    if (second !== undefined)
      throw ambiguous(prefix, ids.length > shownMatches ? [...ids.slice(0, shownMatches), "…"] : ids);
    return only;
  });
}

const shownMatches = 5;
