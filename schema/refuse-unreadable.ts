import { desc, sql } from "drizzle-orm";
import type { Filter } from "../model/filter.ts";
import { officeErrorOf } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/**
 * Where nothing was found by what payloads have, says so if none could have been: a codec encrypts them, or their queues store
 * none. An empty answer would be taken for "there is no such letter".
 *
 * Looks at the newest letters. Index: `dead_letters_newest`.
 *
 * @throws {OfficeError} `USAGE`
 */
export async function refuseUnreadable(db: Db, filter: Filter): Promise<void> {
  if (filter.payload === undefined && filter.not?.payload === undefined) return;
  const newest = db
    .select({
      omitted: deadLetters.payloadOmitted,
      readable: sql<boolean>`${deadLetters.payload} is not null`.as("readable"),
    })
    .from(deadLetters)
    .orderBy(desc(deadLetters.failedAt), desc(deadLetters.id))
    .limit(looked)
    .as("newest");
  const [seen] = await translatingErrors(
    db,
    async () =>
      await db
        .select({
          letters: sql<number>`count(*)::int`,
          readable: sql<number>`(count(*) filter (where ${newest.readable}))::int`,
          omitted: sql<number>`(count(*) filter (where ${newest.omitted}))::int`,
        })
        .from(newest),
  );
  if (seen === undefined || seen.letters === 0 || seen.readable > 0) return;
  const why =
    seen.omitted === seen.letters
      ? "their queues store no payloads"
      : "a codec encrypts them, or their queues store none";
  throw officeErrorOf(
    "USAGE",
    `Letters cannot be found by what their payloads have: of the ${seen.letters} newest, no payload can be read here (${why}). Filter by something else, such as the job's key`,
    { unreadable: seen.letters },
  );
}

const looked = 1000;
