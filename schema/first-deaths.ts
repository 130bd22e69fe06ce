import type { SQL } from "drizzle-orm";
import { and, sql } from "drizzle-orm";
import type { Filter } from "../model/filter.ts";
import { narrowing } from "./death-counts.ts";
import { filterConditions } from "./filter-conditions.ts";
import { deadLetters } from "./tables.ts";

/** The first deaths of the letters that fit a filter, as a table expression with `letter_id` and `died_at`: when a letter came. Index: `deaths_by_time`. */
export function firstDeaths(filter: Filter, now: Date): SQL {
  const narrowed = narrowing(filter);
  if (narrowed !== undefined && narrowed.dimension === undefined) {
    const here = narrowed.namespaces === undefined ? sql`` : sql`and namespace in ${narrowed.namespaces}`;
    return sql`(select letter_id, died_at from dlo.deaths where n = 1 ${here})`;
  }
  return sql`(
    select letter_id, died_at from dlo.deaths join ${deadLetters} on ${deadLetters.id} = deaths.letter_id
    where ${and(sql`deaths.n = 1`, ...filterConditions(filter, now))}
  )`;
}
